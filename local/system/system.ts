import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoFleetState, type PlanRecord } from '../../adapters/aws/fleet-state.ts';
import { nodegroupName } from '../../core/protocol/names.ts';
import type { FleetPolicy } from '../../core/scaling/types.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Emulators } from '../emulators/index.ts';
import type { Front } from '../front/front.ts';
import type { LambdaHost } from '../lambda/host.ts';
import type { ModelServers } from '../model-server/model-servers.ts';
import type { PodRunner } from '../pods/runner.ts';
import type { Engine } from '../step-functions/engine.ts';
import type { ResolvedApp } from '../template/load.ts';
import { clientSettings, type QueueClient } from './aws-clients.ts';
import type { FleetWatch } from './fleet-watch.ts';
import { functionNamed, queueOf, tableOf } from './from-template.ts';

type SystemParts = Pick<
  LocalSystem,
  | 'config'
  | 'policy'
  | 'front'
  | 'cluster'
  | 'emulators'
  | 'lambda'
  | 'engine'
  | 'models'
  | 'pods'
  | 'watch'
  | 'app'
  | 'client'
  | 'troubles'
>;

/** The whole system on this machine. Everything that AWS would run is booted from the synthesized templates. */
export class LocalSystem {
  readonly config: PaddockConfig;
  readonly policy: FleetPolicy;
  readonly front: Front;
  readonly cluster: Cluster;
  readonly emulators: Emulators;
  readonly lambda: LambdaHost;
  readonly engine: Engine;
  readonly models: ModelServers;
  readonly pods: PodRunner;
  readonly watch: FleetWatch;
  readonly app: ResolvedApp;
  readonly client: QueueClient;
  /** What went wrong in the background, newest last. */
  readonly troubles: string[];
  readonly #close: () => Promise<void>;
  readonly #state: DynamoFleetState;

  constructor(parts: SystemParts, close: () => Promise<void>) {
    this.config = parts.config;
    this.policy = parts.policy;
    this.front = parts.front;
    this.cluster = parts.cluster;
    this.emulators = parts.emulators;
    this.lambda = parts.lambda;
    this.engine = parts.engine;
    this.models = parts.models;
    this.pods = parts.pods;
    this.watch = parts.watch;
    this.app = parts.app;
    this.client = parts.client;
    this.troubles = parts.troubles;
    this.#close = close;
    this.#state = new DynamoFleetState(
      this.tableName,
      new DynamoDBClient(clientSettings(this.front, this.front.admin)),
    );
  }

  get queueName(): string {
    return queueOf(this.app, this.config).name;
  }

  get tableName(): string {
    return tableOf(this.app);
  }

  /** The function that the scale machine calls. */
  get scalerName(): string {
    return functionNamed(this.app, 'Scaler');
  }

  /** Instances that are billed (launched and not gone yet), by pool. */
  billedNodes(): Record<string, number> {
    const { cluster, fleets } = this.config;
    const fleet = fleets[0]?.name as string;
    return Object.fromEntries(
      this.policy.pools.map(({ name }) => [
        name,
        this.emulators.autoscaling.group(nodegroupName(cluster.name, fleet, name)).instances.size,
      ]),
    );
  }

  /** The last stored ticks, newest first. */
  recentPlans(limit: number): Promise<PlanRecord[]> {
    return this.#state.recentPlans(this.policy.fleet, limit);
  }

  /** Ends everything that was started, what wakes it first. */
  stop(): Promise<void> {
    return this.#close();
  }
}

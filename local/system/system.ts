import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoFleetState, type PlanRecord } from '../../adapters/aws/fleet-state.ts';
import { nodegroupName } from '../../core/protocol/names.ts';
import type { FleetPolicy } from '../../core/scaling/types.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Emulators } from '../emulators/index.ts';
import type { FaultInjector } from '../faults/injector.ts';
import type { FaultServer } from '../faults/server.ts';
import type { Front } from '../front/front.ts';
import type { LambdaHost } from '../lambda/host.ts';
import type { PodModelServers } from '../model-server/types.ts';
import type { PodRunner } from '../pods/runner.ts';
import type { RegistryStandIn } from '../registry/stand-in.ts';
import type { RouterRunner } from '../router/runner.ts';
import type { Engine } from '../step-functions/engine.ts';
import type { ResolvedApp } from '../template/load.ts';
import { clientSettings, type QueueClient } from './aws-clients.ts';
import type { FleetWatch } from './fleet-watch.ts';
import { functionNamed, machineNamed, queueOf, tableOf } from './from-template.ts';
import type { LocalGateway } from './gateway.ts';

/** What start-up brings up. */
export interface SystemParts {
  readonly config: PaddockConfig;
  readonly policy: FleetPolicy;
  readonly front: Front;
  readonly cluster: Cluster;
  readonly emulators: Emulators;
  readonly lambda: LambdaHost;
  readonly engine: Engine;
  readonly models: PodModelServers;
  readonly pods: PodRunner;
  readonly router: RouterRunner;
  readonly watch: FleetWatch;
  readonly registry: RegistryStandIn;
  readonly app: ResolvedApp;
  readonly client: QueueClient;
  /** Undefined when the configuration has none. */
  readonly gateway: LocalGateway | undefined;
  /** Harms the fleet's capacity. */
  readonly faults: FaultInjector;
  readonly faultServer: FaultServer;
  /** What went wrong in the background, newest last. */
  readonly troubles: string[];
}

/** The whole system on this machine. Everything that AWS would run is booted from the synthesized templates. */
export interface LocalSystem extends SystemParts {
  readonly queueName: string;
  readonly tableName: string;
  /** The function that the scale machine calls. */
  readonly scalerName: string;
  /** ARN of the scale machine. */
  readonly scaleMachine: string;
  /** Instances that are billed (launched and not gone yet), by pool. */
  billedNodes(): Record<string, number>;
  /** Whether the control plane ticks on by itself, no trigger needed. */
  isTicking(): boolean;
  /** The last stored ticks, newest first. */
  recentPlans(limit: number): Promise<PlanRecord[]>;
  /** Ends everything that was started, what wakes it first. */
  stop(): Promise<void>;
}

/** @param close ends the parts */
export function localSystem(parts: SystemParts, close: () => Promise<void>): LocalSystem {
  const { app, config, policy, emulators, engine, front } = parts;
  const scaleMachine = machineNamed(app, 'Scale');
  const tableName = tableOf(app);
  const dynamodb = new DynamoDBClient(clientSettings(front, front.admin));
  const state = new DynamoFleetState(tableName, dynamodb);
  return {
    ...parts,
    tableName,
    scaleMachine,
    queueName: queueOf(app, config).name,
    scalerName: functionNamed(app, 'Scaler'),
    billedNodes: () =>
      Object.fromEntries(
        policy.pools.map(({ name }) => {
          const nodegroup = nodegroupName(config.cluster.name, policy.fleet, name);
          return [name, emulators.autoscaling.group(nodegroup).instances.size];
        }),
      ),
    isTicking: () => engine.executions(scaleMachine).some(({ status }) => status === 'RUNNING'),
    recentPlans: (limit) => state.recentPlans(policy.fleet, limit),
    stop: async () => {
      dynamodb.destroy();
      await close();
    },
  };
}

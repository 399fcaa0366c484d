import type { AwsService, ServiceEmulator } from '../front/types.ts';
import { AutoScalingEmulator } from './autoscaling.ts';
import type { Clock } from './clock.ts';
import { CloudWatchEmulator, type ReadQueue } from './cloudwatch.ts';
import { type Deliver, Deliverer, type Delivery } from './delivery.ts';
import { type ClusterInfo, EksEmulator, type EksTimings } from './eks.ts';
import { EventsEmulator } from './events.ts';
import { Ids } from './ids.ts';
import type { NodeLifecycle } from './nodes.ts';
import type { ScalingTimings } from './scaling-options.ts';
import { SchedulerEmulator } from './scheduler.ts';
import { SecretsManagerEmulator } from './secrets-manager.ts';
import { SsmEmulator } from './ssm.ts';

export interface EmulatorsOptions extends ScalingTimings, EksTimings {
  clock: Clock;
  /** Twelve digits. */
  accountId: string;
  region: string;
  nodes: NodeLifecycle;
  cluster: ClusterInfo;
  readQueue: ReadQueue;
  /** Calls the targets of rules and schedules. */
  deliver: Deliver;
  /** Any integer: equal seeds give equal ids and choices. */
  seed: number;
  /** How late Scheduler invokes at most. AWS: 60; default 0. */
  imprecisionSeconds?: number;
  /** Replaces the control plane by one of another minor version. Default: nothing is behind it. */
  changeVersion?(kubernetesVersion: string): Promise<void>;
  /** An instance is gone without its group's doing. */
  onPowerOff?(nodeName: string): void;
  /** What went wrong in the background: a node that could not join, a queue that could not be read. */
  onError(error: unknown): void;
  /** A delivery that was given up. Default: told to `onError`. */
  onUndelivered?(delivery: Delivery, error: unknown): void;
}

export interface Emulators {
  autoscaling: AutoScalingEmulator;
  eks: EksEmulator;
  events: EventsEmulator;
  scheduler: SchedulerEmulator;
  cloudwatch: CloudWatchEmulator;
  ssm: SsmEmulator;
  secretsManager: SecretsManagerEmulator;
  /** All of them by service, for the front. */
  services: Map<AwsService, ServiceEmulator>;
  /** Ends every timer; nothing happens afterwards. */
  dispose(): void;
}

/** The emulated services, tied together: what one does reaches the others as events. */
export function createEmulators(options: EmulatorsOptions): Emulators {
  const { onError } = options;
  const ids = new Ids(options.seed);
  const onUndelivered =
    options.onUndelivered ??
    ((delivery: Delivery, cause: unknown) =>
      onError(new Error(`${delivery.origin} could not reach ${delivery.targetArn}.`, { cause })));
  const deliverer = new Deliverer({ clock: options.clock, ids, deliver: options.deliver, onUndelivered });
  const common = { ...options, ids, deliverer };
  const events = new EventsEmulator(common);
  const scheduler = new SchedulerEmulator(common);
  const autoscaling = new AutoScalingEmulator({ ...common, events });
  const eks = new EksEmulator({ ...common, autoscaling });
  const cloudwatch = new CloudWatchEmulator({ ...common, events });
  const ssm = new SsmEmulator(options);
  const secretsManager = new SecretsManagerEmulator(options);
  const emulators = { autoscaling, eks, events, scheduler, cloudwatch, ssm, secretsManager };
  return {
    ...emulators,
    services: new Map(Object.values(emulators).map((emulator) => [emulator.service, emulator])),
    dispose() {
      for (const part of [deliverer, events, scheduler, autoscaling, eks, cloudwatch]) part.dispose();
    },
  };
}

import type { FaultInjector } from '../faults/injector.ts';
import type { FleetPod } from '../system/fleet-watch.ts';
import type { LoadClient } from './load.ts';
import type { Recorder } from './recorder.ts';

/** What a scenario's load may use; everything it sees is what a client or an operator would see. */
export interface ScenarioContext extends LoadClient {
  recorder: Recorder;
  /** Resolves when the fleet's workloads ask for no replica and no pod is left. */
  whenAsleep(): Promise<void>;
  /** Resolves when every submitted request has its result. */
  whenAllAnswered(): Promise<void>;
  /** Records what woke the fleet after a request of this time, epoch milliseconds. */
  noteWake(submittedAt: number): Promise<void>;
  times: number;
  /** What an operator's kubectl shows of the fleet's pods that are not being deleted. */
  pods(): readonly FleetPod[];
  /** Told at each change of them. Returns what ends it. */
  onPods(listener: () => void): () => void;
  untilPods(condition: () => boolean): Promise<void>;
  /** Deletes every pod of the fleet; its workloads make new ones. */
  replacePods(): Promise<void>;
  /** One pod, with its grace period. */
  deletePod(name: string): Promise<void>;
  /** From now on no model fits on the disks of pods that start on this node. */
  leaveNoRoom(node: string): void;
  /** The pod's model server is killed and is back at once, with nothing in memory. */
  restartModelServer(pod: string, loadSeconds: number): Promise<void>;
  /** Base URLs of the ready router pods; none without an Nginx on this machine. */
  routers(): readonly string[];
  /** The fleet's first model, and its minimum of replicas. */
  model: string;
  replicas: number;
  /** Harms the fleet's capacity. */
  faults: FaultInjector;
  spotPools: readonly string[];
  /** Tells the person watching what is going on. */
  say(line: string): void;
}

/** How large and how fast a run's fleet is. */
export interface FleetScale {
  slots?: number;
  serviceSeconds?: number;
  bootSeconds?: number;
  loadSeconds?: number;
  minReplicas?: number;
  maxReplicas?: number;
}

export interface Scenario {
  name: string;
  description: string;
  /** How many requests it sends, if that is known beforehand. */
  total?: number;
  /** Run a fleet of one elastic on-demand pool instead of the preset's pools. */
  singlePool: boolean;
  /** Run this preset unless the user asks for another, or for a fleet of the configuration. */
  preset?: 'cpu' | 'gpu';
  /** Used where the user stated nothing else. */
  defaults: FleetScale & {
    idleSeconds?: number;
    times?: number;
    /** New pods fetch their models; else they find them on their disks. */
    emptyDisks?: boolean;
  };
  run(context: ScenarioContext): Promise<void>;
}

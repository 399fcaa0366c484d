import type { V1Pod } from '@kubernetes/client-node';
import type { PodModelServers, ServerSpec } from '../model-server/types.ts';
import type { Supervisor } from '../processes.ts';

/** How a pod's model server behaves; see ServerSpec. */
export interface Serving extends Pick<ServerSpec, 'serviceSeconds' | 'prefillRate' | 'decodeRate'> {
  /** From the pod's binding to a node until its models can be loaded. */
  loadSeconds: number;
}

/** What happened to a pod, as the kubelet saw it. Times are epoch milliseconds. */
export type PodEvent =
  | { kind: 'bound' | 'running' | 'ready' | 'unready' | 'terminating' | 'ended'; pod: string; at: number }
  | { kind: 'crashed'; pod: string; at: number; restarts: number; reason: string }
  /** Its node is gone, or someone removed it without grace. */
  | { kind: 'killed'; pod: string; at: number; reason: string }
  /** Something went wrong that is tried again. */
  | { kind: 'trouble'; pod: string; at: number; reason: string };

export interface PodRunnerOptions {
  /** Of an administrator. */
  kubeconfigPath: string;
  /** The worker as one file that Node runs. */
  workerBundlePath: string;
  supervisor: Supervisor;
  modelServers: Pick<PodModelServers, 'add' | 'remove'>;
  serving: (pod: V1Pod) => Serving;
  /** Added to the environment of the pod's container: endpoints and keys that a real pod finds in its node. */
  env: (pod: V1Pod) => Record<string, string>;
  /** The pods' models, and their tokens and kubeconfigs, which their owner alone can read. */
  stateDir: string;
  logDir: string;
  /** The pods' disks hold no model when they start; default: all that they serve. */
  emptyDisks?: boolean;
  /** Milliseconds between readiness probes; default: as the pod's probe says. */
  probePeriodMs?: number;
  /** First pause after a second crash, milliseconds; doubles to five minutes; default 10 000 as in a kubelet. */
  crashBackoffMs?: number;
  onEvent?: (event: PodEvent) => void;
}

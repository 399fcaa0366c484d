/** What `paddock local` was asked for, after defaults (see SCENARIO_DEFAULTS in local/scenarios). */
export interface LocalOptions {
  scenario: string;
  /** CSV of the user's own arrivals; plays instead of a scenario. */
  arrivals?: string;
  preset?: 'cpu' | 'gpu';
  slots?: number;
  /** Fixed service time; without it, from tokens and the pool's rates. */
  serviceSeconds?: number;
  /** From launch to Ready of a node. */
  bootSeconds: number;
  /** From the pod's binding to its models being loaded. */
  loadSeconds: number;
  minReplicas?: number;
  maxReplicas?: number;
  counterLagSeconds: number;
  /** Play only the first minutes of the arrivals. */
  minutes?: number;
  /** Play arrivals this many times faster. */
  timeScale: number;
  /** Repetitions of `idle-wake`. */
  times: number;
  kubeconfig?: string;
  /** Which triggers exist; both by default, one alone must suffice. */
  triggers: ('schedule' | 'alarm')[];
  stateDir: string;
  cacheDir: string;
}

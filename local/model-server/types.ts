/** One pod's synthetic model server. Times are epoch milliseconds. */
export interface ServerSpec {
  pod: string;
  host: string;
  port: number;
  /** On its disk. */
  models: string[];
  /** Requests that it serves at once; more wait inside it, as in Ollama. */
  slots: number;
  /** A model can be loaded from this time on: the pod's binding to a node plus the load time. */
  loadableAt: number;
  /** Fixed service time, seconds; without it, from tokens. */
  serviceSeconds?: number;
  /** Tokens per second read and written; default 5000 and 30. */
  prefillRate?: number;
  decodeRate?: number;
}

/** What the servers saw: the measure of waits, cut-offs and cold requests that nobody else can falsify. */
export type ServerEvent =
  | { kind: 'started'; pod: string; requestId: string; at: number }
  | { kind: 'finished'; pod: string; requestId: string; at: number }
  /** The client went away before the answer was complete. */
  | { kind: 'cut-off'; pod: string; requestId: string; at: number }
  /** A request came while its model was not loaded. */
  | { kind: 'cold'; pod: string; requestId: string; at: number };

export const DEFAULT_PREFILL_RATE = 5000;
export const DEFAULT_DECODE_RATE = 30;

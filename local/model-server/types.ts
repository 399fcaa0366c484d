/** Which server the pods run: Ollama's API with stated rates in place of a model, or Ollama itself. */
export const MODEL_SERVERS = ['synthetic', 'ollama'] as const;
export type ModelServerKind = (typeof MODEL_SERVERS)[number];

/** One pod's model server. Times are epoch milliseconds; rates and times hold for the synthetic one alone. */
export interface ServerSpec {
  pod: string;
  host: string;
  port: number;
  /** On its disk from the start. */
  models: string[];
  /** Its disk, in Ollama's layout; default: a folder that goes with it. */
  disk?: string;
  /** Requests that it serves at once; more wait inside it, as in Ollama. */
  slots: number;
  /** A model can be loaded from this time on: the pod's binding to a node plus the load time. */
  loadableAt: number;
  /** The version that it says it is, from its image's tag; some are broken on purpose: `brokenVersion`. */
  version?: string;
  /** Fixed service time, seconds; without it, from tokens. */
  serviceSeconds?: number;
  /** Tokens per second read and written; default 5000 and 30. */
  prefillRate?: number;
  decodeRate?: number;
  /** Settings of the pod's Ollama container, for the real one. */
  environment?: Record<string, string>;
}

/** What runs the pods' model servers. */
export interface PodModelServers {
  readonly kind: ModelServerKind;
  /** Resolves when it listens. The disk outlives the server: who gave it takes it back. */
  add(spec: ServerSpec & { disk: string }): Promise<void>;
  /** Ends the pod's server at once; requests under way are cut off. */
  remove(pod: string): Promise<void>;
  /** Kills the pod's server, which is back at once; only the synthetic ones can. */
  restart?(pod: string, loadSeconds: number): Promise<void>;
  /** It forgets what is in memory and serves on. */
  unload?(pod: string): Promise<void>;
  /** Returns what ends it. Only the synthetic servers tell what they see. */
  onEvent(listener: (event: ServerEvent) => void): () => void;
  stop(): Promise<void>;
}

/** What the servers saw: the measure of waits, cut-offs and cold requests that nobody else can falsify. */
export type ServerEvent =
  | { kind: 'started'; pod: string; requestId: string; at: number }
  | { kind: 'finished'; pod: string; requestId: string; at: number }
  /** The client went away before the answer was complete. */
  | { kind: 'cut-off'; pod: string; requestId: string; at: number }
  /** A request came before its model was warm: loaded, and one token through it. */
  | { kind: 'cold'; pod: string; requestId: string; at: number };

export const DEFAULT_PREFILL_RATE = 5000;
export const DEFAULT_DECODE_RATE = 30;

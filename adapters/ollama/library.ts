/** Bytes of the layers that the server has named so far; they come one after another. */
export interface PullProgress {
  completedBytes: number;
  totalBytes: number;
}

/** The models that a model server keeps. Throws UnavailableError when it can't be reached. */
export interface ModelLibrary {
  /** Canonical names of the models in memory. */
  loaded(): Promise<string[]>;
  /**
   * Fetches a model from a registry that is named in it and spoken to without TLS.
   * UnavailableError `PullFailed`: the server's own words.
   */
  pullPlain(model: string, onProgress: (progress: PullProgress) => void, signal?: AbortSignal): Promise<void>;
  /** Gives a model a second name; its files are shared. */
  copy(from: string, to: string): Promise<void>;
  /** Deletes a model, and its files as far as no other has them. Fine when there is none. */
  delete(model: string): Promise<void>;
}

import { DEFAULT_REGISTRY_HOST, type ModelName } from '../../core/protocol/model-names.ts';
import { fromStatus, mapAwsError, NotFoundError, RefusedError, UnavailableError } from '../errors.ts';

/** Where models come from that the mirror does not have. Throws NotFoundError, RefusedError and UnavailableError. */
export interface Registry {
  /** The manifest's text, as it came. */
  manifest(name: ModelName, signal?: AbortSignal): Promise<string>;
  /** From where a blob can be had, in ranges too. */
  blobUrl(name: ModelName, digest: string): string;
}

/** Where a model can be read whole: to put it into the mirror. Throws NotFoundError, RefusedError and UnavailableError. */
export interface ModelOrigin {
  manifest(name: ModelName, signal?: AbortSignal): Promise<string>;
  /** A blob from some byte on, as it comes. */
  open(
    name: ModelName,
    digest: string,
    from: number,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
}

/** What a registry may send at most as a manifest: they have some hundred bytes per layer. */
const MANIFEST_LIMIT = 4 * 1024 * 1024;
const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
const TIMEOUT_MS = 30_000;

/** A registry as Ollama speaks to it (OCI distribution, without logging in). */
export class HttpRegistry implements Registry, ModelOrigin {
  readonly #base: string;

  /** @param url of the registry that stands for Ollama's own; models of other hosts come from their host */
  constructor(url: string) {
    this.#base = url.replace(/\/+$/, '');
  }

  async manifest(name: ModelName, signal?: AbortSignal): Promise<string> {
    const url = `${this.#urlOf(name)}/manifests/${name.tag}`;
    const answer = await this.#get(url, {}, signal);
    const text = await answer.text().catch((error: unknown) => {
      throw mapAwsError(error, `read ${url}`);
    });
    if (text.length > MANIFEST_LIMIT) throw new RefusedError(`${url} is too long for a manifest`, 'TooLong');
    return text;
  }

  blobUrl(name: ModelName, digest: string): string {
    return `${this.#urlOf(name)}/blobs/${digest}`;
  }

  async open(
    name: ModelName,
    digest: string,
    from: number,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const url = this.blobUrl(name, digest);
    const answer = await this.#get(url, from > 0 ? { range: `bytes=${from}-` } : {}, signal);
    if (from > 0 && answer.status !== 206)
      throw new RefusedError(`${url} sends no ranges (HTTP ${answer.status})`, 'NoRanges');
    if (!answer.body) throw new UnavailableError(`${url}: an empty answer`, 'Empty');
    return answer.body;
  }

  #urlOf({ host, namespace, model }: ModelName): string {
    const base = host.toLowerCase() === DEFAULT_REGISTRY_HOST ? this.#base : `https://${host}`;
    return `${base}/v2/${namespace}/${model}`;
  }

  async #get(url: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    // Only the answer's head is waited for: a blob may take an hour.
    const impatient = new AbortController();
    const timer = setTimeout(
      () => impatient.abort(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)),
      TIMEOUT_MS,
    );
    try {
      const answer = await fetch(url, {
        headers: { accept: MANIFEST_TYPE, ...headers },
        signal: signal ? AbortSignal.any([signal, impatient.signal]) : impatient.signal,
      });
      if (answer.ok) return answer;
      await answer.body?.cancel();
      if (answer.status === 404) throw new NotFoundError(`${url}: the registry does not have it`, '404');
      if (answer.status === 401 || answer.status === 403)
        throw new RefusedError(
          `${url}: the registry wants a login (HTTP ${answer.status})`,
          String(answer.status),
        );
      throw fromStatus(answer.status, `${url}: HTTP ${answer.status}`);
    } catch (error) {
      // What went wrong stands in the cause: `fetch failed` is all that fetch itself says.
      const { cause, name } = error as { cause?: { code?: string; message?: string }; name?: string };
      if (name !== 'TypeError') throw mapAwsError(error, `get ${url}`);
      throw new UnavailableError(
        `${url}: ${cause?.message || cause?.code || 'no answer'}`,
        cause?.code ?? 'Unknown',
        error,
      );
    } finally {
      clearTimeout(timer);
    }
  }
}

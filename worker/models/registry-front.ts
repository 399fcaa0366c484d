import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DEFAULT_REGISTRY_HOST, displayName, type ModelName } from '../../core/protocol/model-names.ts';
import type { Log } from '../log.ts';
import type { FoundModel, ModelSources } from './sources.ts';

export interface FrontOptions {
  /** The model server's own address: nobody else has to reach it. */
  host: string;
  port: number;
  sources: ModelSources;
  log: Log;
}

/** A model that the front offers for a while. */
export interface Offer {
  /** What the model server is to pull. */
  readonly alias: string;
  /** Why a blob could not be given; the model server only learns a status. */
  readonly failure: string | undefined;
  withdraw(): void;
}

interface Offered {
  found: FoundModel;
  path: string;
  failure: string | undefined;
}

const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';

/**
 * A registry on loopback, for the model server's own pull: it gives the manifest, and says of each blob from where it can be
 * had. Ollama takes ranges straight from there, resumes and checks. It must be sent to another host name by a 307: an answer
 * from here, or a redirect to the same name, it refuses (`server/download.go`).
 */
export class RegistryFront {
  readonly #options: FrontOptions;
  readonly #server: Server;
  readonly #offers = new Set<Offered>();

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        options.log.warn('the registry front failed', { path: request.url, error });
        if (response.headersSent) response.destroy();
        else say(response, 500, (error as Error).message);
      });
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#options.port, this.#options.host);
    await once(this.#server, 'listening');
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** The name under which the model server knows a model while it comes from here. */
  aliasOf({ host, namespace, model, tag }: ModelName): string {
    const { address, port } = this.#server.address() as AddressInfo;
    // A name has one namespace: the registry's host goes into it.
    const isDefault = host.toLowerCase() === DEFAULT_REGISTRY_HOST;
    const prefix = isDefault ? '' : `${host.replaceAll(/[^A-Za-z0-9]/g, '-')}--`;
    return `${address}:${port}/${prefix}${namespace}/${model}:${tag}`;
  }

  /** Whether a name is one that only a fill knows. */
  isAlias(name: string): boolean {
    const { address, port } = this.#server.address() as AddressInfo;
    return name.startsWith(`${address}:${port}/`);
  }

  offer(found: FoundModel): Offer {
    const alias = this.aliasOf(found.name);
    const [, namespace = '', model = ''] = alias.split('/');
    const [name, tag] = model.split(':');
    const offered: Offered = { found, path: `/v2/${namespace}/${name}/manifests/${tag}`, failure: undefined };
    this.#offers.add(offered);
    return {
      alias,
      get failure() {
        return offered.failure;
      },
      withdraw: () => void this.#offers.delete(offered),
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?', 1)[0] as string;
    const isHead = request.method === 'HEAD';
    if (!isHead && request.method !== 'GET') return say(response, 405, 'this registry only gives');
    const manifest = [...this.#offers].find((offered) => offered.path === path)?.found.manifest;
    if (manifest !== undefined) {
      response.writeHead(200, {
        'content-type': MANIFEST_TYPE,
        'content-length': Buffer.byteLength(manifest),
      });
      response.end(isHead ? undefined : manifest);
      return;
    }
    const digest = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(path)?.[1];
    const offered = [...this.#offers].find(({ found }) =>
      found.layers.some((layer) => layer.digest === digest),
    );
    if (digest === undefined || !offered) return say(response, 404, 'not offered');
    try {
      const location = await this.#options.sources.blobUrl(offered.found, digest);
      const bytes = offered.found.layers.find((layer) => layer.digest === digest)?.bytes;
      if (isHead) response.writeHead(200, { 'content-length': bytes }).end();
      else response.writeHead(307, { location }).end();
    } catch (error) {
      offered.failure = (error as Error).message;
      this.#options.log.warn('a blob can not be had', {
        model: displayName(offered.found.name),
        digest,
        error,
      });
      say(response, 404, offered.failure);
    }
  }
}

const say = (response: ServerResponse, status: number, text: string): void =>
  void response.writeHead(status, { 'content-type': 'text/plain' }).end(text);

import { once } from 'node:events';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DEFAULT_REGISTRY_HOST, type ModelName, manifestFile } from '../../core/protocol/model-names.ts';
import { inventModel } from './invented.ts';

export interface StandInOptions {
  /** Default `127.0.0.1`. */
  host?: string;
  port?: number;
  /** Models of this folder in Ollama's layout (`OLLAMA_MODELS`). */
  store?: string;
  /** Any other model is invented, with so many bytes; undefined: there is none. */
  inventBytes?: number;
}

/** What goes wrong with a blob; each call may tell something else. */
export interface BlobFault {
  /** The connection breaks after so many bytes of this answer. */
  cutAfterBytes?: number;
  /** The last byte is another one. */
  spoil?: boolean;
  status?: number;
}

export interface RegistryStandIn {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** What was asked for: `manifest gemma3:270m`, `blob sha256:…`. */
  readonly asked: string[];
  /** May take its time: the blob's answer waits for it. */
  fault: (digest: string, from: number) => BlobFault | undefined | Promise<BlobFault | undefined>;
  stop(): Promise<void>;
}

interface Content {
  bytes: number;
  read(from: number, to: number): Readable;
}

/**
 * A registry of models on loopback, as Ollama's is spoken to: manifests, and blobs by a redirect to another host name that
 * sends ranges.
 */
export async function startRegistryStandIn(options: StandInOptions = {}): Promise<RegistryStandIn> {
  const { host = '127.0.0.1', port = 0 } = options;
  const source = new Models(options);
  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end(error.message);
    });
  });
  server.listen(port, host);
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  const standIn: RegistryStandIn = {
    url: `http://${host}:${taken}`,
    asked: [],
    fault: () => undefined,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, path = ''] = /^([^?]*)/.exec(request.url ?? '') ?? [];
    const [, namespace, model, kind, last] =
      /^\/v2\/([^/]+)\/([^/]+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    if (kind === 'manifests') {
      standIn.asked.push(`manifest ${model}:${last}`);
      const manifest = source.manifest({
        ...{ host: DEFAULT_REGISTRY_HOST, namespace: namespace as string, model: model as string },
        tag: last as string,
      });
      if (manifest === undefined)
        return void response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
      response.writeHead(200, { 'content-length': Buffer.byteLength(manifest) });
      return void response.end(request.method === 'HEAD' ? undefined : manifest);
    }
    const digest = last ?? /^\/data\/(.+)$/.exec(path)?.[1] ?? '';
    const content = source.blob(digest);
    if (!content) return void response.writeHead(404).end();
    if (request.method === 'HEAD')
      return void response.writeHead(200, { 'content-length': content.bytes }).end();
    if (kind === 'blobs') {
      // By another name of the same machine: Ollama takes a redirect to its own host for no answer.
      return void response.writeHead(307, { location: `http://localhost:${taken}/data/${digest}` }).end();
    }
    await send(request, response, digest, content);
  }

  async function send(
    request: IncomingMessage,
    response: ServerResponse,
    digest: string,
    { bytes, read }: Content,
  ): Promise<void> {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const from = Number(range?.[1] ?? 0);
    const to = range?.[2] ? Math.min(Number(range[2]), bytes - 1) : bytes - 1;
    standIn.asked.push(`blob ${digest}`);
    const fault = (await standIn.fault(digest, from)) ?? {};
    if (fault.status !== undefined) return void response.writeHead(fault.status).end();
    response.writeHead(range ? 206 : 200, {
      'content-length': to - from + 1,
      ...(range && { 'content-range': `bytes ${from}-${to}/${bytes}` }),
    });
    if (fault.cutAfterBytes !== undefined) {
      const some = read(from, Math.min(to, from + fault.cutAfterBytes - 1));
      some.on('end', () => request.socket.end()).pipe(response, { end: false });
      return;
    }
    if (!fault.spoil) return void read(from, to).pipe(response);
    read(from, to - 1)
      .on('end', () => response.end(Buffer.from([0x55])))
      .pipe(response, { end: false });
  }

  return standIn;
}

class Models {
  readonly #options: StandInOptions;
  readonly #invented = new Map<string, Buffer>();

  constructor(options: StandInOptions) {
    this.#options = options;
  }

  manifest(name: ModelName): string | undefined {
    const { store, inventBytes } = this.#options;
    try {
      if (store) return readFileSync(join(store, manifestFile(name)), 'utf8');
    } catch {
      // Not in the folder.
    }
    if (inventBytes === undefined) return undefined;
    const { manifest, blobs } = inventModel(name, inventBytes);
    for (const [digest, content] of blobs) this.#invented.set(digest, content);
    return manifest;
  }

  blob(digest: string): Content | undefined {
    const invented = this.#invented.get(digest);
    if (invented)
      return {
        bytes: invented.length,
        read: (from, to) => Readable.from([invented.subarray(from, to + 1)]),
      };
    if (!this.#options.store || !/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined;
    const file = join(this.#options.store, 'blobs', digest.replace(':', '-'));
    try {
      return { bytes: statSync(file).size, read: (start, end) => createReadStream(file, { start, end }) };
    } catch {
      return undefined;
    }
  }
}

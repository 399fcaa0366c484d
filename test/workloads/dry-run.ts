import { request } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Manifest } from '../../local/template/manifests.ts';

interface Answer {
  status: number;
  body: { message?: string; resources?: { name: string; kind: string; namespaced: boolean }[] };
  /** What the API server has to say of an object that it takes: deprecated kinds, pods that it would refuse. */
  warnings: string[];
}

/** Creates objects without keeping them, as `kubectl create --dry-run=server --validate=strict` does. */
export class DryRun {
  readonly #config: KubeConfig;
  readonly #resources = new Map<string, Promise<NonNullable<Answer['body']['resources']>>>();

  constructor(config: KubeConfig) {
    this.#config = config;
  }

  /** What is wrong with an object, or warned of; nothing: undefined. */
  async create(manifest: Manifest): Promise<string | undefined> {
    const group = manifest.apiVersion.includes('/') ? `/apis/${manifest.apiVersion}` : `/api/v1`;
    const resource = (await this.#resourcesOf(group)).find(
      ({ kind, name }) => kind === manifest.kind && !name.includes('/'),
    );
    if (!resource) return `there is no ${manifest.kind} in ${group}`;
    const namespace = resource.namespaced ? `/namespaces/${manifest.metadata.namespace}` : '';
    const path = `${group}${namespace}/${resource.name}?dryRun=All&fieldValidation=Strict`;
    const { status, body, warnings } = await this.#call('POST', path, JSON.stringify(manifest));
    return status === 201 && warnings.length === 0
      ? undefined
      : `${status} ${body.message ?? ''} ${warnings.join(' ')}`;
  }

  #resourcesOf(group: string): Promise<NonNullable<Answer['body']['resources']>> {
    const known = this.#resources.get(group);
    if (known) return known;
    const asked = this.#call('GET', group).then(({ body }) => body.resources ?? []);
    this.#resources.set(group, asked);
    return asked;
  }

  async #call(method: string, path: string, body?: string): Promise<Answer> {
    const options = { method, headers: { 'content-type': 'application/json' } };
    await this.#config.applyToHTTPSOptions(options);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const call = request(new URL(path, this.#config.getCurrentCluster()?.server), options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: JSON.parse(Buffer.concat(chunks).toString()),
          warnings: [response.headers.warning ?? []].flat(),
        }),
      );
    });
    call.once('error', reject);
    call.end(body);
    return promise;
  }
}

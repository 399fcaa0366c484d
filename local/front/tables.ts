import { Agent, request as httpRequest, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { type Backend, endToEnd } from './backend.ts';
import type { AwsRequest, AwsResponse } from './types.ts';

interface DynaliteOptions {
  createTableMs: number;
  deleteTableMs: number;
  updateTableMs: number;
}
const dynalite = createRequire(import.meta.url)('dynalite') as (options: DynaliteOptions) => Server;

export interface TablesOptions {
  accountId: string;
  region: string;
}

/**
 * DynamoDB from dynalite, in memory, on a loopback port of its own. It has no transactions (`TransactWriteItems` is
 * refused) and no TTL: `expiresAt` is stored, nothing expires.
 */
export class Tables implements Backend {
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #options: TablesOptions;
  readonly #asked = new Set<Promise<AwsResponse>>();
  #isStopping = false;

  private constructor(server: Server, options: TablesOptions) {
    this.#server = server;
    this.#options = options;
  }

  static async start(options: TablesOptions): Promise<Tables> {
    const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return new Tables(server, options);
  }

  async handle(request: AwsRequest): Promise<AwsResponse> {
    if (this.#isStopping) throw new Error('DynamoDB is being stopped');
    const answer = this.#ask(request);
    this.#asked.add(answer);
    return await answer.finally(() => this.#asked.delete(answer));
  }

  async #ask({ method, headers, rawBody }: AwsRequest): Promise<AwsResponse> {
    const { port } = this.#server.address() as AddressInfo;
    const answer = await new Promise<AwsResponse & { body: Buffer }>((resolve, reject) => {
      const outgoing = httpRequest(
        {
          host: '127.0.0.1',
          port,
          method,
          path: '/',
          agent: this.#agent,
          headers: { ...endToEnd(headers), 'content-length': rawBody.length },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const type = response.headers['content-type'] ?? 'application/x-amz-json-1.0';
            const body = Buffer.concat(chunks);
            resolve({ status: response.statusCode ?? 500, headers: { 'content-type': type }, body });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(rawBody);
    });
    return { ...answer, body: this.#withOwnArns(answer.body) };
  }

  /** Table descriptions name dynalite's account. */
  #withOwnArns(body: Buffer): Buffer {
    if (!body.includes('arn:aws:dynamodb:')) return body;
    const { accountId, region } = this.#options;
    const arns = /"arn:aws:dynamodb:[\w-]+:0{12}:table\//g;
    return Buffer.from(body.toString().replace(arns, `"arn:aws:dynamodb:${region}:${accountId}:table/`));
  }

  /** After what it was asked: dynalite ends the whole process when its database closes under a request. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.allSettled(this.#asked);
    this.#agent.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

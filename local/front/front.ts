import { AuthError } from './auth/errors.ts';
import { type NewPrincipal, Principals } from './auth/principals.ts';
import { SignatureVerifier } from './auth/verify.ts';
import { type Backend, startFauxqs } from './backend.ts';
import type { RequestEvent } from './event.ts';
import { ExchangeHandler } from './exchange.ts';
import { Faults } from './faults.ts';
import { close, createHttp, type HttpAnswer, type HttpRequest, listen } from './http.ts';
import { Authorizer, type CallRecord } from './iam/authorizer.ts';
import { Objects } from './s3/objects.ts';
import type { QueueCounts } from './sqs/history.ts';
import { Queues } from './sqs/queues.ts';
import { Identity } from './sts/identity.ts';
import { verifyKubernetesToken } from './sts/kubernetes-token.ts';
import { type AccessEntry, TOKEN_REVIEW_PATH, TokenReviews } from './sts/token-review.ts';
import { Tables } from './tables.ts';
import type { AwsService, Fault, Principal, ServiceEmulator } from './types.ts';
import { createDecoder } from './wire/codec.ts';

export interface FrontOptions {
  /** Default `127.0.0.1`. Use an address, not a name: SDK clients put a bucket before a name. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /** Twelve digits. */
  accountId: string;
  region: string;
  /** Keys and the draws of faults follow from it. Default `paddock`. */
  seed?: string | number;
  /** The cluster whose tokens `authenticateKubernetesToken` takes; may be set later. */
  clusterName?: string;
}

/** Every AWS endpoint of a local run. */
export interface Front {
  readonly url: string;
  readonly port: number;
  readonly accountId: string;
  readonly region: string;
  /** May do everything: the runtime's own clients. */
  readonly admin: Principal;
  /** Throws if the service has an emulator already or stands behind the front itself (sqs, s3, dynamodb, sts). */
  register(emulator: ServiceEmulator): void;
  /** Makes the key pair. A name again gets new policies and keeps its key. Throws on policies that can't be checked here. */
  addPrincipal(principal: NewPrincipal): Principal;
  principalByKey(accessKeyId: string): Principal | undefined;
  /** Returns what ends the fault. Throws on a fault that makes no sense. */
  inject(fault: Fault): () => void;
  faults(): Fault[];
  /** SQS counters lag this many seconds; 0 (the default) means exact. */
  setCounterLag(seconds: number): void;
  /** Exact, for measuring; undefined if there is no such queue. */
  queueCounts(queueName: string): QueueCounts | undefined;
  /** As SQS and CloudWatch tell it. */
  laggedQueueCounts(queueName: string): QueueCounts | undefined;
  /** Age of its oldest message, seconds; 0 when it is empty. */
  oldestSeconds(queueName: string): number;
  queueNames(): string[];
  /** Called when a request is over; what it throws is ignored. Returns what ends it. */
  onRequest(listener: (event: RequestEvent) => void): () => void;
  /** Who called what, and whether it was allowed, since the start. */
  calls(): CallRecord[];
  setClusterName(name: string): void;
  /** For `POST /kubernetes/authenticate`, the apiserver's webhook. Replaces all entries. */
  setAccessEntries(entries: readonly AccessEntry[]): void;
  /** Undefined for a token that is not valid for this cluster. */
  authenticateKubernetesToken(token: string): Promise<{ roleArn: string; principal: Principal } | undefined>;
  /** Ends open requests and everything behind the front. */
  stop(): Promise<void>;
}

export type { CallRecord } from './iam/authorizer.ts';
export type { AccessEntry, QueueCounts, RequestEvent };

/** @throws Error (EADDRINUSE …) when it can't listen */
export async function startFront(options: FrontOptions): Promise<Front> {
  const { host = '127.0.0.1', port: wantedPort = 0, accountId, region, seed = 'paddock' } = options;
  if (!/^\d{12}$/.test(accountId)) throw new Error(`accountId is twelve digits, not '${accountId}'`);
  let { clusterName } = options;

  const principals = new Principals(String(seed), accountId);
  const verifier = new SignatureVerifier();
  const faults = new Faults(String(seed));
  const listeners = new Set<(event: RequestEvent) => void>();
  const emulators = new Map<AwsService, ServiceEmulator>([['sts', new Identity(accountId)]]);
  const backends = new Map<AwsService, Backend>();
  const emulator = (service: AwsService) => emulators.get(service);
  const authorizer = new Authorizer({ accountId, region, emulator });
  authorizer.admit(principals.admin);

  const handler = new ExchangeHandler({
    region,
    principals,
    verifier,
    authorizer,
    faults,
    decode: createDecoder(),
    backend: (service) => backends.get(service),
    emulator,
    emit: (event) => tell(listeners, event),
  });
  let port = 0;
  const ownHost = () => `${host}:${port}`;
  const authenticate = (token: string): Promise<Principal> =>
    verifyKubernetesToken(token, {
      principals,
      verifier,
      region,
      ownHost: ownHost(),
      clusterName: () => clusterName,
    });
  const reviews = new TokenReviews(authenticate);
  const server = createHttp(
    async (request: HttpRequest): Promise<HttpAnswer> =>
      request.method === 'POST' && request.path === TOKEN_REVIEW_PATH
        ? await reviews.review(request.rawBody)
        : await handler.handle(request),
  );

  const fauxqs = await startFauxqs(region);
  const tables = await Tables.start({ accountId, region });
  const queues = new Queues({ fauxqs, accountId, region, url: () => `http://${ownHost()}` });
  const mayListBucket = (principal: Principal, bucket: string) =>
    authorizer.may(principal, { action: 's3:ListBucket', resource: `arn:aws:s3:::${bucket}` });
  backends.set('sqs', queues).set('dynamodb', tables).set('s3', new Objects({ fauxqs, mayListBucket }));
  const stop = async (): Promise<void> => {
    queues.stop();
    await close(server);
    await Promise.all([fauxqs.stop(), tables.stop()]);
  };
  try {
    port = await listen(server, host, wantedPort);
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    url: `http://${ownHost()}`,
    port,
    accountId,
    region,
    admin: principals.admin,
    register: (added) => {
      if (emulators.has(added.service) || backends.has(added.service)) {
        throw new Error(`${added.service} has an emulator already`);
      }
      emulators.set(added.service, added);
    },
    addPrincipal: (added) => {
      const principal = principals.add(added);
      authorizer.admit(principal);
      return principal;
    },
    principalByKey: (accessKeyId) => principals.byKey(accessKeyId),
    inject: (fault) => faults.inject(fault),
    faults: () => faults.list(),
    setCounterLag: (seconds) => queues.setCounterLag(seconds),
    queueCounts: (name) => queues.counts(name),
    laggedQueueCounts: (name) => queues.laggedCounts(name),
    oldestSeconds: (name) => queues.oldestSeconds(name),
    queueNames: () => queues.names(),
    onRequest: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    calls: () => authorizer.calls(),
    setClusterName: (name) => {
      clusterName = name;
    },
    setAccessEntries: (entries) => reviews.setAccessEntries(entries),
    authenticateKubernetesToken: async (token) => {
      try {
        const principal = await authenticate(token);
        return { roleArn: principal.roleArn, principal };
      } catch (error) {
        if (error instanceof AuthError) return undefined;
        throw error;
      }
    },
    stop,
  };
}

/** A listener's mistake must not fail the request. */
function tell(listeners: ReadonlySet<(event: RequestEvent) => void>, event: RequestEvent): void {
  for (const listener of listeners) {
    try {
      listener(event);
    } catch (error) {
      console.error('a listener of the local AWS front failed:', error);
    }
  }
}

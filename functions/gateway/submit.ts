import { checkParameters, type Endpoint } from '../../core/openai/endpoints.ts';
import { ApiError, badRequest } from '../../core/openai/errors.ts';
import { parseStrictly } from '../../core/openai/json.ts';
import { echoOf, type ResponseObject, responseObject } from '../../core/openai/response.ts';
import type { IdempotencyRecord } from '../../core/protocol/idempotency.ts';
import type { QueueablePath, QueuedRequest } from '../../core/protocol/request.ts';
import type { RequestStatus } from '../../core/protocol/status.ts';
import { messageOf } from '../shared/async.ts';
import type { GatewayFleet } from './config.ts';
import type { GatewayDependencies } from './dependencies.ts';
import { type GatewayRequest, jsonText } from './http.ts';
import { newId, sha256 } from './ids.ts';
import type { Place, Stored } from './store.ts';

/** A longer body goes by way of the bucket. SQS takes 1 MiB, or 256 KiB where a queue is set so; it bills by 64 KiB. */
const INLINE_BYTES = 200_000;
const RETRY_SECONDS = 2;

/** A request that passed every check. */
interface Submission {
  path: QueueablePath;
  body: Record<string, unknown>;
  model: string;
  fleet: GatewayFleet;
  owner: string;
  /** Digests of the idempotency key and of the request, if the client sent a key. */
  idempotency: { key: string; requestHash: string } | undefined;
}

/** Where a submission stands: what is stored of it, and what was known of it before. */
interface Settled {
  place: Place;
  status: RequestStatus;
  /** Whether status and body lie in the bucket. */
  isStored: boolean;
  known: Stored | undefined;
}

/**
 * Puts a request into its fleet's queue.
 *
 * The status object comes before the message, so that no answer is without its owner. Where sending fails, or leaves
 * open whether SQS has the message, the request is ended for good before the client is told to try again: a message that is
 * there all the same finds the end and goes. With an idempotency key nothing is ended: the client repeats the request, and
 * its message is sent again as long as no worker has begun. If this function dies in between, what is left is a status
 * whose id no client has. Calls that need not wait for each other do not: whether the fleet sleeps is read meanwhile.
 *
 * @throws ApiError
 */
export async function submit(
  request: GatewayRequest,
  endpoint: Endpoint,
  owner: string,
  deps: GatewayDependencies,
): Promise<ResponseObject> {
  const submission = check(request, endpoint, owner, deps);
  const wake = deps.waker.look(submission.fleet.name);
  await deps.limit?.take(owner);
  const settled = await settle(submission, deps);
  const { known, status } = settled;
  if (known && (known.result || known.status.status !== 'queued')) {
    return responseObject(known.status, known.result);
  }
  await enqueue(settled, submission, deps);
  await wake();
  return responseObject(status, undefined);
}

function check(
  request: GatewayRequest,
  endpoint: Endpoint,
  owner: string,
  { directory, maxBodyBytes }: GatewayDependencies,
): Submission {
  const text = jsonText(request, maxBodyBytes);
  const body = parseStrictly(text);
  const { model } = body;
  if (typeof model !== 'string' || model === '') {
    throw badRequest("Missing required parameter: 'model'.", 'model', 'missing_required_parameter');
  }
  const fleet = directory.fleetFor(model);
  if (!fleet) {
    const shown = JSON.stringify(model.slice(0, 100));
    throw new ApiError(404, `The model ${shown} does not exist. There is: ${directory.models.join(', ')}.`, {
      param: 'model',
      code: 'model_not_found',
    });
  }
  checkParameters(endpoint, body);
  const key = request.headers['idempotency-key'];
  if (key !== undefined && !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw badRequest(
      'An Idempotency-Key is 1 to 255 printable ASCII characters without spaces.',
      undefined,
      'invalid_idempotency_key',
    );
  }
  return {
    ...{ path: request.path as QueueablePath, body, model, fleet, owner },
    idempotency:
      key === undefined ? undefined : { key: sha256(owner, key), requestHash: sha256(request.path, text) },
  };
}

/** Which request this is: a new one, or for an idempotency key that came before, that one. */
async function settle(submission: Submission, deps: GatewayDependencies): Promise<Settled> {
  const { fleet, idempotency } = submission;
  const place: Place = { fleet: fleet.name, id: newId(fleet.name) };
  const status = newStatus(place.id, submission, deps.now());
  const fresh = { place, status, known: undefined };
  if (!idempotency) return { ...fresh, isStored: false };
  const { key, requestHash } = idempotency;
  const wanted = { v: 1 as const, ...place, requestHash };
  return await unlessUnavailable(deps, async () => {
    // Most keys are new: the status is written beside the record, and taken away again when it was another's key.
    const [reserved, stored] = await Promise.allSettled([
      deps.store.reserve(key, wanted),
      store(place, status, submission, deps),
    ]);
    // The record may be there all the same, and lead a repetition to this status.
    if (reserved.status === 'rejected') throw reserved.reason;
    if (reserved.value.record.id === place.id) {
      if (stored.status === 'rejected') throw stored.reason;
      return { ...fresh, isStored: true };
    }
    const [before] = await Promise.all([knownBefore(reserved.value, submission, deps), forget(place, deps)]);
    return before;
  });
}

/** What an idempotency key stands for that came before. */
async function knownBefore(
  { record, etag }: { record: IdempotencyRecord; etag?: string },
  submission: Submission,
  deps: GatewayDependencies,
): Promise<Settled> {
  const { key = '', requestHash = '' } = submission.idempotency ?? {};
  const place: Place = { fleet: record.fleet, id: record.id };
  const known = await deps.store.load(place);
  // A deleted one leaves its key free for a new start. Else its status was never written, or is on its way.
  const isFree = !known && (await deps.store.hasEnded(place));
  if (record.requestHash !== requestHash && !isFree) {
    throw new ApiError(409, 'This Idempotency-Key was used before, with another request. Use a new one.', {
      code: 'idempotency_key_reused',
    });
  }
  const settledAt = (at: Place): Settled => ({
    ...{ place: at, isStored: false, known },
    status: known?.status ?? newStatus(at.id, submission, deps.now()),
  });
  if (!isFree) return settledAt(place);
  const anew: Place = { fleet: submission.fleet.name, id: newId(submission.fleet.name) };
  if (await deps.store.rebook(key, { v: 1, ...anew, requestHash }, etag ?? '')) return settledAt(anew);
  throw unavailable('Another request with this Idempotency-Key is on its way. Try again.');
}

function newStatus(id: string, { owner, path, model, body }: Submission, submittedAt: number): RequestStatus {
  const echo = path === '/v1/responses' ? echoOf(body) : undefined;
  return {
    ...{ v: 1, id, status: 'queued', owner, path, model, submittedAt, failures: 0 },
    ...(echo && { echo }),
  };
}

const bodyText = ({ body }: Submission): { text: string; isInline: boolean } => {
  const text = JSON.stringify(body);
  return { text, isInline: Buffer.byteLength(text) <= INLINE_BYTES };
};

/** Writes status and body; what is there already stays. */
async function store(
  place: Place,
  status: RequestStatus,
  submission: Submission,
  deps: GatewayDependencies,
): Promise<void> {
  const { text, isInline } = bodyText(submission);
  await Promise.all([
    deps.store.create(place.fleet, status),
    isInline ? undefined : deps.store.putBody(place, text),
  ]);
}

async function enqueue(
  { place, status, isStored }: Settled,
  submission: Submission,
  deps: GatewayDependencies,
): Promise<void> {
  const { id, fleet } = place;
  const { path, body, owner, idempotency } = submission;
  const bare: QueuedRequest = { v: 1, id, fleet, path, submittedAt: status.submittedAt };
  try {
    if (!isStored) await store(place, status, submission, deps);
    await deps.queueOf(fleet).send(bodyText(submission).isInline ? { ...bare, body } : bare, owner);
  } catch (error) {
    deps.log.error(`A request could not be queued: ${messageOf(error)}`, { id, fleet });
    // Another request with the same key may have queued it: only its repetition may go on.
    if (idempotency)
      throw unavailable('The request could not be queued. Repeat it with the same Idempotency-Key.');
    if (await withdraw(place, status, deps)) throw unavailable('The request could not be queued. Try again.');
  }
}

/** Takes away what was written of a request that no client has the id of; what can't be is left to the lifecycle rule. */
async function forget(place: Place, deps: GatewayDependencies): Promise<void> {
  try {
    await deps.store.forget(place);
  } catch (error) {
    deps.log.warn(`A status could not be taken away: ${messageOf(error)}`, { ...place });
  }
}

/** Whether the request is withdrawn; false when it has been answered meanwhile, for SQS had it. */
async function withdraw(
  place: Place,
  { submittedAt }: RequestStatus,
  deps: GatewayDependencies,
): Promise<boolean> {
  try {
    if ((await deps.store.end(place, 'deleted', submittedAt)) === 'exists') return false;
    await deps.store.forget(place);
  } catch (error) {
    deps.log.error(`A request could not be withdrawn: ${messageOf(error)}`, { ...place });
  }
  return true;
}

async function unlessUnavailable<T>({ log }: GatewayDependencies, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    log.error(`The bucket does not answer: ${messageOf(error)}`);
    throw unavailable('The request could not be stored. Try again.');
  }
}

const unavailable = (message: string): ApiError =>
  new ApiError(503, message, {
    code: 'unavailable',
    retryAfter: RETRY_SECONDS,
  });

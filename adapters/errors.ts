/**
 * What can go wrong with a service, in the words that the rest of the project acts on. Vendor errors are mapped
 * here and nowhere else; the original is the `cause`.
 */

abstract class AdapterError extends Error {
  /** The vendor's own name for it (`ThrottlingException`, `ECONNREFUSED`, `Forbidden`). */
  readonly code: string;
  constructor(message: string, code: string, cause?: unknown) {
    super(message, { cause });
    this.name = new.target.name;
    this.code = code;
  }
}

/** Not reachable, timed out, throttled or failing inside: the same call may succeed later. */
export class UnavailableError extends AdapterError {}
/** The service says no (not allowed, not valid): the same call fails again until someone changes something. */
export class RefusedError extends AdapterError {}
/** Someone else was first: a failed condition, an object that exists already, an update in progress. */
export class ConflictError extends AdapterError {}
/** The thing that the call names is not there. */
export class NotFoundError extends AdapterError {}

const CONFLICTS = new Set([
  'ConditionalCheckFailedException',
  'PreconditionFailed',
  'ConditionalRequestConflict',
  'ResourceInUseException',
  'ScalingActivityInProgress',
  'ScalingActivityInProgressFault',
  'ResourceContention',
  'ResourceContentionFault',
  'ExecutionAlreadyExists',
]);

const UNAVAILABLE =
  /throttl|SlowDown|TooManyRequests|RequestLimitExceeded|ProvisionedThroughputExceeded|RequestTimeout|TimeoutError|AbortError|EndpointError/i;

export interface VendorError {
  name?: string;
  message?: string;
  code?: unknown;
  cause?: unknown;
  $metadata?: { httpStatusCode?: number };
  $retryable?: unknown;
}

const asVendorError = (error: unknown): VendorError =>
  typeof error === 'object' && error !== null ? (error as VendorError) : { message: String(error) };

/** A chain of causes is no longer than this, unless it is a ring. */
const MAX_CAUSES = 10;

/** The error, its cause, the cause of that, … */
export function* causes(error: unknown): Generator<VendorError> {
  let next: unknown = error;
  for (let depth = 0; next && depth < MAX_CAUSES; depth += 1) {
    const current = asVendorError(next);
    yield current;
    next = current.cause;
  }
}

/**
 * The first code of the operating system, of name resolution (`EAI_AGAIN`) or of `fetch` (`UND_ERR_SOCKET`) in an error
 * and its causes: `fetch failed` hides it there.
 */
export function systemCode(error: unknown): string | undefined {
  for (const { code } of causes(error)) {
    if (typeof code === 'string' && /^(E[A-Z]+|EAI_[A-Z]+|UND_ERR_\w+)$/.test(code)) return code;
  }
  return undefined;
}

/**
 * Maps what an AWS SDK client threw.
 * @param what the action in words, for the message: `receive from the queue`
 */
export function mapAwsError(error: unknown, what: string): AdapterError {
  if (error instanceof AdapterError) return error;
  const e = asVendorError(error);
  const system = systemCode(e);
  const code = e.name && e.name !== 'Error' ? e.name : (system ?? 'Unknown');
  const message = `${what}: ${code}: ${e.message ?? ''}`;
  const status = e.$metadata?.httpStatusCode;
  if (CONFLICTS.has(code) || status === 412) return new ConflictError(message, code, error);
  if (system || status === undefined || status >= 500 || status === 429 || UNAVAILABLE.test(code)) {
    return new UnavailableError(message, code, error);
  }
  if (status === 404 || /NotFound|NoSuch|DoesNotExist|NonExistent/.test(code)) {
    return new NotFoundError(message, code, error);
  }
  if (status === 409) return new ConflictError(message, code, error);
  return new RefusedError(message, code, error);
}

/**
 * Maps what the Kubernetes client threw (`ApiException` carries the HTTP status in `code`).
 * @param what the action in words, for the message: `renew the Lease cpu-main-0`
 */
export function mapKubernetesError(error: unknown, what: string): AdapterError {
  if (error instanceof AdapterError) return error;
  const e = asVendorError(error);
  if (typeof e.code !== 'number') {
    const code = systemCode(e) ?? e.name ?? 'Unknown';
    return new UnavailableError(`${what}: ${code}: ${e.message ?? ''}`, code, error);
  }
  return fromStatus(e.code, `${what}: HTTP ${e.code}: ${reasonOf(error)}`, error);
}

/** Maps an HTTP status of 400 or more. */
export function fromStatus(status: number, message: string, cause?: unknown): AdapterError {
  const code = String(status);
  if (status === 404) return new NotFoundError(message, code, cause);
  if (status === 409 || status === 412) return new ConflictError(message, code, cause);
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    return new UnavailableError(message, code, cause);
  }
  return new RefusedError(message, code, cause);
}

/** The apiserver's own sentence, if the body is a Status object. */
function reasonOf(error: unknown): string {
  const body = (error as { body?: unknown }).body;
  try {
    const status = typeof body === 'string' ? JSON.parse(body) : body;
    return String((status as { message?: unknown })?.message ?? body);
  } catch {
    return String(body);
  }
}

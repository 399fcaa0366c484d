import { ConflictError, mapKubernetesError, RefusedError, UnavailableError } from '../errors.ts';
import type { KubernetesAccess, KubernetesApis } from './eks.ts';

/**
 * One call to the Kubernetes API. A failure is mapped and names the call and the server; when the server was out of
 * reach or the token was not accepted, the next call finds both anew.
 * @param what the action in words: `list the pods of the fleet cpu`
 */
export async function callKubernetes<T>(
  access: KubernetesAccess,
  what: string,
  run: (apis: KubernetesApis) => Promise<T>,
): Promise<T> {
  const apis = await access.apis();
  try {
    return await run(apis);
  } catch (error) {
    const mapped = map(error, `${what} at ${apis.server}`);
    if (mapped instanceof UnavailableError || mapped.code === '401') access.forget();
    throw mapped;
  }
}

function map(error: unknown, what: string): ReturnType<typeof mapKubernetesError> {
  // A DOMException carries a number in `code` that is no HTTP status.
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new UnavailableError(`${what}: no answer in time`, 'TimeoutError', error);
  }
  return mapKubernetesError(error, what);
}

/** A patch that names another uid than the object has is answered with 422: the field is immutable. */
export function asUidConflict(error: unknown): unknown {
  const isUid =
    error instanceof RefusedError && error.code === '422' && error.message.includes('metadata.uid');
  return isUid ? new ConflictError(error.message, error.code, error) : error;
}

/** A JSON patch whose `test` did not hold is answered with 422. */
export const isFailedTest = (error: unknown): boolean =>
  error instanceof RefusedError && error.code === '422';

/** What is served of Ollama's API and of the OpenAI-compatible one: by the worker, and by the router before it. */

/** Paths that generate, by POST; each request on them takes a slot. */
export const INFERENCE_PATHS: ReadonlySet<string> = new Set([
  '/api/generate',
  '/api/chat',
  '/api/embed',
  '/api/embeddings',
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
]);

/** Paths that only read, with their methods. `/v1/models/<model>` is one more. */
export const READ_PATHS: Readonly<Record<string, readonly string[]>> = {
  '/': ['GET', 'HEAD'],
  '/api/tags': ['GET', 'HEAD'],
  '/api/ps': ['GET', 'HEAD'],
  '/api/version': ['GET', 'HEAD'],
  '/api/show': ['POST'],
  '/v1/models': ['GET'],
};

/** An error body in the shape of the API that the path belongs to. */
export function errorBody(path: string, status: number, message: string): unknown {
  if (!path.startsWith('/v1/')) return { error: message };
  const types: Record<number, string> = {
    400: 'invalid_request_error',
    404: 'not_found_error',
    429: 'rate_limit_error',
  };
  return { error: { message, type: types[status] ?? 'api_error', param: null, code: null } };
}

/**
 * Asks a full or draining replica to refuse with this status instead of 503; the router sends `403`. Nginx holds a 503 for a
 * failure of the replica and leaves it alone for a while; 403 and 404 are the only refusals that it passes on without blame.
 */
export const WHEN_FULL_HEADER = 'paddock-when-full';

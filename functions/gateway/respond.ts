import { UnavailableError } from '../../adapters/errors.ts';
import { ApiError } from '../../core/openai/errors.ts';
import { messageOf } from '../shared/async.ts';
import type { GatewayDependencies } from './dependencies.ts';
import { errorAnswer, type GatewayAnswer, type GatewayRequest } from './http.ts';
import { route } from './route.ts';

/** Answers one request. Never throws: what goes wrong is an answer in OpenAI's shape. */
export async function respond(request: GatewayRequest, deps: GatewayDependencies): Promise<GatewayAnswer> {
  const headers = { 'x-request-id': request.requestId };
  let owner: string | undefined;
  try {
    owner = await deps.keys.check(request.headers.authorization);
    const reply = await route(request, owner, deps);
    return { ...reply, headers: { ...reply.headers, ...headers } };
  } catch (error) {
    const told = toApiError(error);
    const fields = { owner, status: told.status, code: told.options.code };
    if (told.status < 500) deps.log.info('A request is refused', fields);
    else deps.log.error(`A request failed: ${messageOf(error)}`, fields);
    const reply = errorAnswer(told);
    return { ...reply, headers: { ...reply.headers, ...headers } };
  }
}

/** What a client is told of an error that is not about its request: nothing that it could not know. */
function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof UnavailableError) {
    return new ApiError(503, 'A service behind the gateway does not answer. Try again.', {
      code: 'unavailable',
      retryAfter: 2,
    });
  }
  return new ApiError(500, 'The gateway failed. Its log names the failure by the request id.', {
    code: 'internal_error',
  });
}

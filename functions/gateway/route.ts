import { endpointOf } from '../../core/openai/endpoints.ts';
import { ApiError } from '../../core/openai/errors.ts';
import type { GatewayDependencies } from './dependencies.ts';
import { answer, type GatewayAnswer, type GatewayRequest } from './http.ts';
import { cancel, remove, retrieve } from './responses.ts';
import { submit } from './submit.ts';

const RESPONSE = /^\/v1\/responses\/([^/]+)$/;
const CANCEL = /^\/v1\/responses\/([^/]+)\/cancel$/;

type Action = (request: GatewayRequest, owner: string, deps: GatewayDependencies) => Promise<GatewayAnswer>;

/**
 * Answers one request of a caller whose key was checked.
 * @throws ApiError
 */
export async function route(
  request: GatewayRequest,
  owner: string,
  deps: GatewayDependencies,
): Promise<GatewayAnswer> {
  const { method, path } = request;
  const actions = actionsOf(path);
  const action = Object.hasOwn(actions, method) ? actions[method] : undefined;
  if (action) return await action(request, owner, deps);
  const allow = Object.keys(actions).join(', ');
  if (allow === '') {
    throw new ApiError(
      404,
      "Unknown request URL. OpenAI's clients take the base URL with /v1; docs/gateway.md lists what there is.",
      {
        code: 'unknown_url',
      },
    );
  }
  throw new ApiError(405, `This URL takes ${allow} only.`, { code: 'method_not_supported', allow });
}

function actionsOf(path: string): Record<string, Action> {
  const endpoint = endpointOf(path);
  if (endpoint) {
    return {
      POST: async (request, owner, deps) => {
        const response = await submit(request, endpoint, owner, deps);
        return answer(path === '/v1/responses' ? 200 : 202, response, {
          location: `/v1/responses/${response.id}`,
        });
      },
    };
  }
  if (path === '/v1/models')
    return { GET: async (_request, _owner, { directory }) => answer(200, models(directory.models)) };
  const [, id] = RESPONSE.exec(path) ?? [];
  if (id !== undefined) {
    return {
      GET: (request, owner, deps) => retrieve(id, request, owner, deps),
      DELETE: (_request, owner, deps) => remove(id, owner, deps),
    };
  }
  const [, cancelled] = CANCEL.exec(path) ?? [];
  if (cancelled !== undefined) return { POST: (_request, owner, deps) => cancel(cancelled, owner, deps) };
  return {};
}

const models = (names: readonly string[]) => ({
  object: 'list',
  data: names.map((id) => ({ id, object: 'model', created: 0, owned_by: 'paddock' })),
});

import { ApiError, badRequest } from '../../core/openai/errors.ts';
import { responseObject } from '../../core/openai/response.ts';
import type { GatewayDependencies } from './dependencies.ts';
import { answer, type GatewayAnswer, type GatewayRequest } from './http.ts';
import { fleetOfId } from './ids.ts';
import type { Place, Stored } from './store.ts';

/** Lambda's answers have 6 MB at most, as JSON text within JSON text. */
const MAX_ANSWER_BYTES = 4_500_000;

/** Someone else's response is as good as none. */
async function find(
  id: string,
  owner: string,
  { directory, store }: GatewayDependencies,
): Promise<{ place: Place; stored: Stored }> {
  const fleet = fleetOfId(id);
  const place = fleet !== undefined && directory.hasFleet(fleet) ? { fleet, id } : undefined;
  const stored = place && (await store.load(place));
  if (!place || stored?.status.owner !== owner) {
    throw new ApiError(404, `There is no response with this id.`, { code: 'response_not_found' });
  }
  return { place, stored: stored as Stored };
}

function show({ status, result }: Stored): GatewayAnswer {
  const shown = answer(200, responseObject(status, result));
  const bytes = Buffer.byteLength(shown.body ?? '');
  if (bytes <= MAX_ANSWER_BYTES) return shown;
  throw new ApiError(
    500,
    `The answer has ${bytes} bytes; at most ${MAX_ANSWER_BYTES} can be read through the gateway. Send smaller requests (fewer inputs, or "encoding_format": "base64").`,
    { code: 'answer_too_large' },
  );
}

export async function retrieve(
  id: string,
  request: GatewayRequest,
  owner: string,
  deps: GatewayDependencies,
): Promise<GatewayAnswer> {
  for (const name of ['stream', 'starting_after', 'include']) {
    const value = request.query.get(name);
    if (value !== null && value !== 'false') {
      throw badRequest(
        `Unsupported parameter: '${name}'. Responses are read whole.`,
        name,
        'unsupported_parameter',
      );
    }
  }
  return show((await find(id, owner, deps)).stored);
}

/** A response that has ended stays as it is, and is the answer. */
export async function cancel(id: string, owner: string, deps: GatewayDependencies): Promise<GatewayAnswer> {
  const { place, stored } = await find(id, owner, deps);
  if (stored.result) return show(stored);
  await deps.store.end(place, 'cancelled', stored.status.submittedAt);
  return show((await find(id, owner, deps)).stored);
}

/** What is still to be done of it is not done any more. */
export async function remove(id: string, owner: string, deps: GatewayDependencies): Promise<GatewayAnswer> {
  const { place, stored } = await find(id, owner, deps);
  await deps.store.remove(place, stored.status.submittedAt);
  return answer(200, { id, object: 'response', deleted: true });
}

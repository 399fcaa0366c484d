import type { HttpRequest } from '../http.ts';
import type { ServiceSpec } from '../services.ts';
import { AwsError } from '../types.ts';
import { jsonOperation, unknownOperation, type WireRequest } from './codec.ts';
import { commonError } from './errors.ts';

/** @throws AwsError for a request target that is no path */
export function wire(http: HttpRequest): WireRequest {
  if (!http.url.startsWith('/')) throw new AwsError('InvalidURI', 'the request target must be a path', 400);
  const { method, path, headers, rawBody } = http;
  try {
    decodeURIComponent(http.rawQuery);
  } catch {
    throw new AwsError('InvalidURI', "Couldn't parse the specified URI.", 400);
  }
  return { method, path, query: new URLSearchParams(http.rawQuery), headers, rawBody };
}

/** @throws AwsError for a body that is no JSON object, or an operation that the service does not have */
export function jsonRequest(
  spec: ServiceSpec,
  request: WireRequest,
): { operation: string; input: Record<string, unknown> } {
  const operation = jsonOperation(spec, request.headers);
  if (operation === undefined) throw unknownOperation(spec, request.headers['x-amz-target']);
  let input: unknown;
  try {
    input = JSON.parse(request.rawBody.toString());
  } catch (error) {
    throw commonError(spec, 'malformed', `the body is not JSON: ${(error as Error).message}`);
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw commonError(spec, 'malformed', 'the body is not a JSON object');
  }
  return { operation, input: input as Record<string, unknown> };
}

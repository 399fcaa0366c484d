import type { NormalizedSchema } from '@smithy/core/schema';
import type { AwsResponse } from '../types.ts';
import { readJson, writeJson } from './json.ts';
import type { OperationModel } from './model.ts';
import type { Route } from './routes.ts';
import { fromText, toText } from './text.ts';

export interface RestRequest {
  query: URLSearchParams;
  headers: Record<string, string>;
  rawBody: Buffer;
}

/** The input of a REST-JSON operation, gathered from path, query string, headers and body. */
export async function readRest(
  { operation, labels }: Route,
  request: RestRequest,
): Promise<Record<string, unknown>> {
  const input: Record<string, unknown> = {};
  const schema = operation.input;
  if (!schema.isStructSchema()) return input;
  let payload: [string, NormalizedSchema] | undefined;
  const body: string[] = [];
  for (const [name, member] of schema.structIterator()) {
    const traits = member.getMergedTraits();
    if (traits.httpLabel) {
      if (labels[name] !== undefined) input[name] = fromText(member, labels[name], 'date-time');
    } else if (traits.httpQuery) {
      const values = request.query.getAll(traits.httpQuery);
      if (values.length > 0) input[name] = readQueryParameter(member, values);
    } else if (traits.httpHeader) {
      const value = request.headers[traits.httpHeader.toLowerCase()];
      if (value !== undefined) input[name] = fromText(member, value, 'http-date');
    } else if (traits.httpPayload) payload = [name, member];
    else if (!traits.httpQueryParams && traits.httpPrefixHeaders === undefined) body.push(name);
  }
  if (request.rawBody.length === 0) return input;
  if (payload) {
    const [name, member] = payload;
    input[name] = member.isBlobSchema() ? request.rawBody : await readJson(member, request.rawBody, true);
  } else if (body.length > 0) {
    const parsed = (await readJson(schema, request.rawBody, true)) as Record<string, unknown>;
    for (const name of body) if (parsed[name] !== undefined) input[name] = parsed[name];
  }
  return input;
}

function readQueryParameter(member: NormalizedSchema, values: string[]): unknown {
  if (!member.isListSchema()) return fromText(member, values[0] ?? '', 'date-time');
  return values.map((value) => fromText(member.getValueSchema(), value, 'date-time'));
}

export function writeRest(operation: OperationModel, output: Record<string, unknown>): AwsResponse {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  let status = operation.http?.status ?? 200;
  let payload: [unknown, NormalizedSchema] | undefined;
  const rest: Record<string, unknown> = {};
  for (const [name, member] of operation.output.structIterator()) {
    const value = output[name];
    if (value === undefined || value === null) continue;
    const traits = member.getMergedTraits();
    if (traits.httpResponseCode) status = Number(value);
    else if (traits.httpHeader) headers[traits.httpHeader.toLowerCase()] = toText(member, value);
    else if (traits.httpPayload) payload = [value, member];
    else rest[name] = value;
  }
  if (!payload) return { status, headers, body: writeJson(operation.output, rest, true) };
  const [value, member] = payload;
  const body = member.isBlobSchema() ? bytes(value) : writeJson(member, value, true);
  return { status, headers, body };
}

/** Emulators may give a blob as text. */
const bytes = (value: unknown): Buffer =>
  typeof value === 'string' ? Buffer.from(value) : Buffer.from(value as Uint8Array);

import type { ServiceSpec } from '../services.ts';
import { AwsError, type AwsResponse } from '../types.ts';
import { commonError } from './errors.ts';
import { readCbor, readJson, writeCbor, writeJson } from './json.ts';
import { modelLoader, type OperationModel } from './model.ts';
import { readQuery } from './query.ts';
import { readRest, writeRest } from './rest.ts';
import { route } from './routes.ts';
import { writeQueryResponse } from './xml.ts';

export interface WireRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
  rawBody: Buffer;
}

export interface Decoded {
  operation: string;
  input: Record<string, unknown>;
  encode(output: unknown, requestId: string): AwsResponse;
}

export type Decoder = (spec: ServiceSpec, request: WireRequest) => Promise<Decoded>;

export const isCbor = (headers: Record<string, string>): boolean =>
  headers['smithy-protocol'] === 'rpc-v2-cbor';

/** Decodes requests of the services that have emulators, by the SDK's own schemas. */
export function createDecoder(): Decoder {
  const load = modelLoader();
  return async (spec, request) => {
    const model = await load(spec);
    const find = (name: string | undefined): OperationModel => {
      const operation = name === undefined ? undefined : model.operations.get(name);
      if (!operation) throw unknownOperation(spec, name);
      return operation;
    };
    const readable = async <T>(read: () => T | Promise<T>): Promise<T> => {
      try {
        return await read();
      } catch (error) {
        if (error instanceof AwsError) throw error;
        throw commonError(spec, 'malformed', `the request can't be read: ${(error as Error).message}`);
      }
    };
    if (isCbor(request.headers)) {
      const operation = find(cborOperation(request.path));
      return decoded(
        operation,
        await readable(() => (request.rawBody.length > 0 ? readCbor(operation.input, request.rawBody) : {})),
        (output) => ({
          status: 200,
          headers: { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' },
          body: writeCbor(operation.output, output),
        }),
      );
    }
    switch (spec.protocol) {
      case 'json': {
        const operation = find(jsonOperation(spec, request.headers));
        return decoded(
          operation,
          await readable(() => readJson(operation.input, request.rawBody, false)),
          (output) => ({
            status: 200,
            headers: { 'content-type': `application/x-amz-json-${spec.jsonVersion}` },
            body: operation.output.isStructSchema() ? writeJson(operation.output, output, false) : '{}',
          }),
        );
      }
      case 'query': {
        const form = new URLSearchParams(
          request.method === 'GET' ? request.query : request.rawBody.toString(),
        );
        const operation = find(form.get('Action') ?? undefined);
        return decoded(
          operation,
          await readable(() => readQuery(operation.input, form)),
          (output, requestId) => ({
            status: 200,
            headers: { 'content-type': 'text/xml' },
            body: writeQueryResponse(spec, operation, output, requestId),
          }),
        );
      }
      case 'rest-json': {
        const found = await readable(() => route(model, request.method, request.path, request.query));
        if (!found) throw unknownOperation(spec, `${request.method} ${request.path}`);
        return decoded(found.operation, await readable(() => readRest(found, request)), (output) =>
          found.operation.output.isStructSchema()
            ? writeRest(found.operation, output)
            : { status: found.operation.http?.status ?? 200, body: '' },
        );
      }
      case 'rest-xml':
        throw new Error('S3 requests are passed on, not decoded');
    }
  };
}

function decoded(
  operation: OperationModel,
  input: unknown,
  encode: (output: Record<string, unknown>, requestId: string) => AwsResponse,
): Decoded {
  return {
    operation: operation.name,
    input: (input ?? {}) as Record<string, unknown>,
    encode: (output, requestId) => encode((output ?? {}) as Record<string, unknown>, requestId),
  };
}

/** The operation that `X-Amz-Target` names; undefined if it names another service or none. */
export function jsonOperation(spec: ServiceSpec, headers: Record<string, string>): string | undefined {
  const [target, operation] = (headers['x-amz-target'] ?? '').split('.');
  return target === spec.target ? operation : undefined;
}

const cborOperation = (path: string): string | undefined =>
  /^\/service\/\w+\/operation\/(\w+)$/.exec(path)?.[1];

export const unknownOperation = (spec: ServiceSpec, name: string | undefined): AwsError =>
  commonError(spec, 'unknown-operation', `${spec.service} has no operation ${name ?? 'in this request'}`);

import { NormalizedSchema } from '@smithy/core/schema';
import type { ServiceSpec } from '../services.ts';

/** One API operation as the SDK's own schemas describe it. */
export interface OperationModel {
  name: string;
  input: NormalizedSchema;
  output: NormalizedSchema;
  /** REST services only. */
  http?: HttpBinding;
}

export interface HttpBinding {
  method: string;
  segments: Segment[];
  /** Query parameters that are part of the route. */
  query: [name: string, value: string][];
  status: number;
}

export type Segment = { literal: string } | { label: string; greedy: boolean };

export interface ServiceModel {
  operations: ReadonlyMap<string, OperationModel>;
}

const OPERATION = 9;
type OperationSchema = [typeof OPERATION, string, string, unknown, never, never];

const isOperation = (value: unknown): value is OperationSchema =>
  Array.isArray(value) && value[0] === OPERATION && typeof value[2] === 'string';

/** Reads the operations of a service out of its SDK client, once. */
export function modelLoader(): (spec: ServiceSpec) => Promise<ServiceModel> {
  const models = new Map<string, Promise<ServiceModel>>();
  return (spec) => {
    let model = models.get(spec.service);
    if (!model) {
      model = load(spec);
      models.set(spec.service, model);
    }
    return model;
  };
}

async function load(spec: ServiceSpec): Promise<ServiceModel> {
  if (!spec.schemas) throw new Error(`${spec.service} has no SDK client to read its operations from`);
  const operations = new Map<string, OperationModel>();
  for (const schema of Object.values(await spec.schemas())) {
    if (!isOperation(schema)) continue;
    const [, , name, traits, input, output] = schema;
    const http = httpBinding(traits);
    operations.set(name, {
      name,
      input: NormalizedSchema.of(input),
      output: NormalizedSchema.of(output),
      ...(http ? { http } : {}),
    });
  }
  if (operations.size === 0) {
    throw new Error(
      `the SDK client of ${spec.service} exports no operation schemas: its version does not fit`,
    );
  }
  return { operations };
}

function httpBinding(traits: unknown): HttpBinding | undefined {
  const http = (traits as { http?: [string, string, number] } | undefined)?.http;
  if (!http) return undefined;
  const [method, uri, status] = http;
  const [path = '', query = ''] = uri.split('?');
  return {
    method,
    status,
    segments: pathParts(path).map(segment),
    query: [...new URLSearchParams(query)],
  };
}

/** Some of Lambda's routes end in a slash; it does not count. */
export function pathParts(path: string): string[] {
  const parts = path.split('/').slice(1);
  if (parts.length > 1 && parts.at(-1) === '') parts.pop();
  return parts;
}

function segment(text: string): Segment {
  const label = /^\{(\w+)(\+?)\}$/.exec(text);
  return label?.[1] ? { label: label[1], greedy: label[2] === '+' } : { literal: text };
}

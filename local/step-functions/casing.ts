import { NormalizedSchema } from '@smithy/core/schema';
import { TaskError } from './task-error.ts';

/**
 * Step Functions spells the members of every API in PascalCase. Renaming follows the SDK's schemas, so that the keys of
 * maps (labels, tags) stay as they are.
 */

type Schema = NormalizedSchema;

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export interface OperationSchemas {
  readonly input: Schema;
  readonly output: Schema;
}

/** Input and output of an operation, from the SDK's command. */
export function schemasOf(command: object): OperationSchemas {
  const { schema } = command as { schema: [number, string, string, unknown, never, never] };
  return { input: NormalizedSchema.of(schema[4]), output: NormalizedSchema.of(schema[5]) };
}

/**
 * A Task's parameters as the SDK takes them.
 *
 * @throws TaskError `States.Runtime` for a parameter that the API doesn't have, or of the wrong kind.
 */
export function toSdk(schema: Schema, value: unknown, path = 'Parameters'): unknown {
  if (value === null || value === undefined) return undefined;
  if (schema.isDocumentSchema()) return value;
  if (schema.isStructSchema()) {
    const members = new Map(
      [...schema.structIterator()].map(([name, member]) => [capitalized(name), { name, member }]),
    );
    return mapEntries(record(value, path), (key, item) => {
      const found = members.get(key);
      if (found === undefined) {
        throw new TaskError(
          'States.Runtime',
          `${path}: the field '${key}' is not supported by Step Functions`,
        );
      }
      return [found.name, toSdk(found.member, item, `${path}.${key}`)];
    });
  }
  if (schema.isMapSchema()) {
    const inner = schema.getValueSchema();
    return mapEntries(record(value, path), (key, item) => [key, toSdk(inner, item, `${path}.${key}`)]);
  }
  if (schema.isListSchema()) {
    if (!Array.isArray(value)) throw wrong(path, 'a list', value);
    return value.map((item, index) => toSdk(schema.getValueSchema(), item, `${path}[${index}]`));
  }
  if (schema.isTimestampSchema()) return new Date(value as string | number);
  if (schema.isBlobSchema()) return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  // `StartExecution` takes its input as text; Step Functions accepts an object in its place.
  if (schema.isStringSchema()) return typeof value === 'string' ? value : text(value, path);
  return value;
}

/** What the SDK answered, as a Task's result. */
export function fromSdk(schema: Schema, value: unknown): unknown {
  if (value === null || value === undefined || schema.isDocumentSchema()) return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (schema.isStructSchema()) {
    const members = new Map(schema.structIterator());
    return mapEntries(record(value, 'Result'), (key, item) => {
      const member = members.get(key);
      return [capitalized(key), member === undefined ? item : fromSdk(member, item)];
    });
  }
  if (schema.isMapSchema()) {
    return mapEntries(record(value, 'Result'), (key, item) => [key, fromSdk(schema.getValueSchema(), item)]);
  }
  if (schema.isListSchema())
    return (value as unknown[]).map((item) => fromSdk(schema.getValueSchema(), item));
  return value;
}

function mapEntries(
  value: Record<string, unknown>,
  rename: (key: string, item: unknown) => [string, unknown],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => rename(key, item))
      .filter(([, item]) => item !== undefined),
  );
}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(path, 'an object', value);
  return value as Record<string, unknown>;
}

function text(value: unknown, path: string): string {
  if (path === 'Parameters.Input' && typeof value === 'object') return JSON.stringify(value);
  throw wrong(path, 'text', value);
}

const wrong = (path: string, wanted: string, value: unknown): TaskError =>
  new TaskError('States.Runtime', `${path}: expected ${wanted}, got ${JSON.stringify(value)}`);

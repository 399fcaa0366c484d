import type { AwsService, ResolvedResource, ResourceRef } from '../types.ts';
import type { ContextValues } from './context.ts';

/** One permission that a request needs. */
export interface Check {
  /** As policies spell it: `s3:GetObject`. */
  action: string;
  /** ARN, or `*` for actions without resources. */
  resource: string;
  context?: ContextValues;
  /** What the permissions report shows instead of the resource. */
  reportAs?: string;
}

export interface MappingEnvironment {
  accountId: string;
  region: string;
  /** Asks the emulator of the service. */
  resolve(ref: ResourceRef): ResolvedResource | undefined;
}

export type Input = Record<string, unknown>;

/** The permissions that one operation needs. Throws MissingInput. */
export type Mapping = (input: Input, environment: MappingEnvironment, operation: string) => Check[];

export type ServiceMappings = Readonly<Record<string, Mapping>>;

/** The request lacks what names its resource: the service's own validation would refuse it. */
export class MissingInput extends Error {}

export function text(input: Input, name: string): string {
  const value = input[name];
  if (typeof value !== 'string' || value === '') throw new MissingInput(`${name} is missing`);
  return value;
}

export const optionalText = (input: Input, name: string): string | undefined =>
  typeof input[name] === 'string' && input[name] !== '' ? input[name] : undefined;

export const list = (input: Input, name: string): unknown[] => {
  const value = input[name];
  return Array.isArray(value) ? value : [];
};

export const record = (value: unknown): Input =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Input) : {};

/** `[{ Key, Value }]`, or a plain map, as tags. */
export function tagsOf(value: unknown): Record<string, string> {
  const pairs = Array.isArray(value)
    ? value.map((tag): [string, unknown] => [String(record(tag).Key ?? ''), record(tag).Value])
    : Object.entries(record(value));
  return Object.fromEntries(pairs.map(([name, tag]) => [name, String(tag ?? '')]));
}

export const arn = (
  service: AwsService | 'cloudwatch',
  { region, accountId }: MappingEnvironment,
  rest: string,
) => `arn:aws:${service}:${region}:${accountId}:${rest}`;

export const isArn = (value: string): boolean => value.startsWith('arn:');

/** `action` is the operation itself unless given. */
export const onAll =
  (service: string, action?: string): Mapping =>
  (_input, _environment, operation) => [{ action: `${service}:${action ?? operation}`, resource: '*' }];

/** Gives several operations the same mapping. */
export const each = (mapping: Mapping, ...operations: string[]): ServiceMappings =>
  Object.fromEntries(operations.map((operation) => [operation, mapping]));

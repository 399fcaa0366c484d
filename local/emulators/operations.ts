import { z } from 'zod';
import { AwsError, type AwsRequest, type AwsService, type ServiceEmulator } from '../front/types.ts';

/** One API operation: takes the SDK's input shape, returns the SDK's output shape, throws AwsError. */
// biome-ignore lint/suspicious/noExplicitAny: each operation validates its own input
export type Operation = (input: any) => unknown;

/** Dispatches by operation name; what is not emulated fails by name instead of answering something. */
export abstract class Emulator implements ServiceEmulator {
  abstract readonly service: AwsService;
  protected abstract readonly operations: Record<string, Operation>;

  async handle(request: Pick<AwsRequest, 'operation' | 'input'>): Promise<unknown> {
    const operation = Object.hasOwn(this.operations, request.operation)
      ? this.operations[request.operation]
      : undefined;
    if (!operation) {
      throw new AwsError(
        'UnknownOperationException',
        `${this.service}:${request.operation} is not emulated locally; there is ${Object.keys(this.operations).join(', ')}.`,
      );
    }
    return await operation(request.input);
  }
}

/** Parses `input`, or throws `code` naming the first member that does not fit. */
export function parse<T>(schema: z.ZodType<T>, input: unknown, code: string): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const member = issue?.path.join('.') || 'input';
  throw new AwsError(
    code,
    `1 validation error detected: Value at '${member}' ${issue?.message ?? 'is invalid'}`,
  );
}

/** The query protocol carries numbers and booleans as text. */
export const integer = z.coerce.number().int();
export const real = z.coerce.number();
export const bool = z.union([z.boolean(), z.stringbool()]);
/** The JSON protocols carry times as epoch seconds, the SDK as Date. Milliseconds since the epoch. */
export const time = z
  .union([z.date(), z.number(), z.string()])
  .transform((value) => (typeof value === 'number' ? value * 1000 : new Date(value).getTime()));

/** One page of `items`; tokens are opaque to the caller. */
export function page<T>(
  items: readonly T[],
  size: number,
  token: string | undefined,
  invalidToken: () => AwsError,
): { items: T[]; nextToken?: string } {
  let start = 0;
  if (token !== undefined) {
    start = Number(
      Buffer.from(token, 'base64url')
        .toString()
        .match(/^page:(\d+)$/)?.[1] ?? Number.NaN,
    );
    if (!Number.isInteger(start)) throw invalidToken();
  }
  const end = start + size;
  return {
    items: items.slice(start, end),
    ...(end < items.length ? { nextToken: Buffer.from(`page:${end}`).toString('base64url') } : {}),
  };
}

/** Times in events and causes have whole seconds. */
export const isoSeconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

import * as z from 'zod';

/**
 * @param what the event in words, for the message: `tick`
 * @throws Error `InvalidEvent` that names the fields that make no sense
 */
export function parseEvent<T>(schema: z.ZodType<T>, event: unknown, what: string): T {
  const parsed = schema.safeParse(event);
  if (parsed.success) return parsed.data;
  const shown = JSON.stringify(event) ?? 'undefined';
  const error = new Error(
    `This is no ${what} event:\n${z.prettifyError(parsed.error)}\nIt was: ${shown.slice(0, 500)}`,
  );
  error.name = 'InvalidEvent';
  throw error;
}

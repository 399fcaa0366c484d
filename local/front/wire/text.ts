import type { NormalizedSchema } from '@smithy/core/schema';

export type TimestampFormat = 'date-time' | 'http-date' | 'epoch-seconds';

/** Smithy's numbers for a timestamp schema that states its format. */
const STATED: Record<number, TimestampFormat> = { 5: 'date-time', 6: 'http-date', 7: 'epoch-seconds' };

const statedFormat = (schema: NormalizedSchema): TimestampFormat | undefined => {
  const stated = schema.getSchema();
  return typeof stated === 'number' ? STATED[stated] : undefined;
};

/** A simple value that travels as text (query protocol, path labels, query strings, headers). */
export function fromText(schema: NormalizedSchema, text: string, timestamps: TimestampFormat): unknown {
  if (schema.isBooleanSchema()) return text === 'true';
  if (schema.isNumericSchema()) {
    const number = Number(text);
    if (text.trim() === '' || Number.isNaN(number))
      throw new Error(`${schema.getMemberName()} is not a number`);
    return number;
  }
  if (schema.isBlobSchema()) return Buffer.from(text, 'base64');
  if (schema.isTimestampSchema()) {
    const seconds = (statedFormat(schema) ?? timestamps) === 'epoch-seconds';
    const date = new Date(seconds ? Number(text) * 1000 : text);
    if (Number.isNaN(date.getTime())) throw new Error(`${schema.getMemberName()} is not a time`);
    return date;
  }
  return text;
}

/** The reverse, for response headers. */
export function toText(schema: NormalizedSchema, value: unknown): string {
  if (!(value instanceof Date)) return String(value);
  const format = statedFormat(schema) ?? 'http-date';
  if (format === 'epoch-seconds') return String(value.getTime() / 1000);
  return format === 'date-time' ? value.toISOString() : value.toUTCString();
}

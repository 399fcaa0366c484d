import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';

/** Requests in the order in which they arrive. */
export interface Arrivals {
  /** Seconds since the start, ascending. */
  at: Float64Array;
  /** Seconds of service that each takes in one slot. */
  service: Float64Array;
  /** Length of the trace in seconds: copies wrap at it. */
  durationSeconds: number;
}

/** How long a request takes in one slot: a fixed time, or from its tokens. */
export type ServiceTime = { seconds: number } | { promptPerSecond: number; outputPerSecond: number };

export const DEFAULT_SERVICE = { promptPerSecond: 5000, outputPerSecond: 30 };

/** Column names: the project's own, and the Azure LLM inference traces'. */
const COLUMNS = {
  offset: ['offsetSeconds'],
  timestamp: ['TIMESTAMP', 'timestamp'],
  prompt: ['promptTokens', 'ContextTokens'],
  output: ['outputTokens', 'GeneratedTokens'],
} as const;

/** Input that can't be played; the message says where and what to do. */
export class ArrivalsError extends Error {
  override readonly name = 'ArrivalsError';
}

/**
 * Reads arrivals from CSV with the columns `offsetSeconds,promptTokens,outputTokens`, or Azure's
 * `TIMESTAMP,ContextTokens,GeneratedTokens` (the first row is then second 0).
 *
 * @throws ArrivalsError naming the file, and the line and column where there is one
 */
export async function readArrivals(file: string, service: ServiceTime = DEFAULT_SERVICE): Promise<Arrivals> {
  return parseArrivals(await readText(file), file, service);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : code;
    throw new ArrivalsError(`Can't read arrivals from ${file}: ${why}.`);
  }
}

/** As `readArrivals`, from text; `name` is what errors call it. */
export function parseArrivals(text: string, name: string, service: ServiceTime = DEFAULT_SERVICE): Arrivals {
  const [header, ...rows] = parseCsv(text, name);
  if (!header || rows.length === 0) {
    throw new ArrivalsError(`${name} holds no requests: a header and one row for each request are expected.`);
  }
  const read = rowReader(name, header.record, service);
  return fromRows(rows.map(({ record, info }) => read(record, info.lines)));
}

interface Line {
  record: string[];
  info: { lines: number };
}

function parseCsv(text: string, name: string): Line[] {
  try {
    const options = { bom: true, trim: true, skip_empty_lines: true, info: true, relax_column_count: true };
    return parse(text, options) as unknown as Line[];
  } catch (error) {
    throw new ArrivalsError(`${name} is not CSV: ${error instanceof Error ? error.message : error}`);
  }
}

interface Request {
  at: number;
  service: number;
}

function rowReader(
  name: string,
  header: string[],
  service: ServiceTime,
): (record: string[], line: number) => Request {
  const find = (names: readonly string[]) => header.findIndex((column) => names.includes(column));
  const prompt = find(COLUMNS.prompt);
  const output = find(COLUMNS.output);
  const offset = find(COLUMNS.offset);
  const timestamp = find(COLUMNS.timestamp);
  const clock = offset >= 0 ? offset : timestamp;
  const needsTokens = !('seconds' in service);
  if (clock < 0 || (needsTokens && (prompt < 0 || output < 0))) {
    throw new ArrivalsError(
      `${name}: line 1: the columns are ${header.join(', ')}; expected offsetSeconds, promptTokens, outputTokens ` +
        '(or TIMESTAMP, ContextTokens, GeneratedTokens).',
    );
  }
  const cell = (record: string[], index: number, line: number, of: (text: string) => number) => {
    const value = of(record[index] ?? '');
    if (Number.isFinite(value) && value >= 0) return value;
    const got = record[index] === undefined ? 'nothing' : `"${record[index]}"`;
    throw new ArrivalsError(
      `${name}: line ${line}: column ${header[index]} holds ${got}; expected ${EXPECTED(index === clock && offset < 0)}.`,
    );
  };
  return (record, line) => ({
    at: cell(record, clock, line, offset >= 0 ? toNumber : toEpochSeconds),
    service:
      'seconds' in service
        ? service.seconds
        : cell(record, prompt, line, toNumber) / service.promptPerSecond +
          cell(record, output, line, toNumber) / service.outputPerSecond,
  });
}

const EXPECTED = (isTime: boolean): string =>
  isTime ? 'a time such as 2023-11-16 18:17:03.97' : 'a number, 0 or more';

const toNumber = (text: string): number => (text === '' ? Number.NaN : Number(text));

/** `2023-11-16 18:17:03.9799600`, taken as UTC; only differences matter. */
const toEpochSeconds = (text: string): number => {
  const [, moment, fraction = '0'] =
    /^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00)?$/.exec(text) ?? [];
  if (moment === undefined) return Number.NaN;
  return Date.parse(`${moment.replace(' ', 'T')}Z`) / 1000 + Number(`0.${fraction}`);
};

function fromRows(rows: Request[]): Arrivals {
  rows.sort((a, b) => a.at - b.at);
  // Offsets are as stated; timestamps count from the first.
  const start = (rows[0]?.at ?? 0) > EARLIEST_EPOCH ? (rows[0]?.at ?? 0) : 0;
  const at = Float64Array.from(rows, (row) => row.at - start);
  return { at, service: Float64Array.from(rows, (row) => row.service), durationSeconds: at.at(-1) ?? 0 };
}

/** 2001: no offset is that large, every trace's timestamp is larger. */
const EARLIEST_EPOCH = 1e9;

/**
 * Superposes `copies` of the arrivals, copy k shifted by k·D/copies and wrapped at D: the same shape with more requests.
 */
export function superpose(arrivals: Arrivals, copies: number): Arrivals {
  if (copies === 1) return arrivals;
  const { durationSeconds } = arrivals;
  const count = arrivals.at.length;
  const at = new Float64Array(count * copies);
  const service = new Float64Array(count * copies);
  for (let copy = 0; copy < copies; copy += 1) {
    const shift = (copy * durationSeconds) / copies;
    for (let index = 0; index < count; index += 1) {
      at[copy * count + index] = ((arrivals.at[index] ?? 0) + shift) % durationSeconds;
      service[copy * count + index] = arrivals.service[index] ?? 0;
    }
  }
  return sorted(at, service, durationSeconds);
}

/** Brings requests into the order in which they arrive. */
export function sorted(at: Float64Array, service: Float64Array, durationSeconds: number): Arrivals {
  const order = Uint32Array.from(at.keys()).sort((a, b) => (at[a] ?? 0) - (at[b] ?? 0) || a - b);
  return {
    at: Float64Array.from(order, (index) => at[index] ?? 0),
    service: Float64Array.from(order, (index) => service[index] ?? 0),
    durationSeconds,
  };
}

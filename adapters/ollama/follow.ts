import type http from 'node:http';
import { UnavailableError } from '../errors.ts';
import type { Assembly } from './assembly.ts';

const STREAMS = /^(application\/x-ndjson|text\/event-stream)\b/;

/** Whether an answer of this type comes piece by piece. */
export const isStream = (contentType: string | undefined): boolean => STREAMS.test(contentType ?? '');

/** Follows a streamed answer, line by line of NDJSON or event by event. */
export interface Follower {
  assembly: Assembly;
  /** Called after each piece. */
  onPiece(): void;
}

/**
 * Reads a streamed answer to its end.
 * @returns the whole answer, or what the model server said went wrong on the way
 * @throws UnavailableError when it breaks off, ends early, or is no stream that can be read
 */
export async function follow(
  answer: http.IncomingMessage,
  { assembly, onPiece }: Follower,
): Promise<{ status: number; body: unknown }> {
  for await (const line of linesOf(answer)) {
    const piece = pieceOf(line);
    if (!piece) continue;
    // After its first piece an answer's status is 200, whatever happens.
    if (piece.error !== undefined && piece.error !== null) return { status: 500, body: piece };
    assembly.add(piece);
    onPiece();
  }
  const body = assembly.whole();
  if (!body) throw new UnavailableError('the answer of the model server ended early', 'EndedEarly');
  return { status: 200, body };
}

async function* linesOf(answer: http.IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of answer.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  yield rest;
}

/** Undefined for what carries nothing: blank lines, names of events, `[DONE]`. */
function pieceOf(line: string): Record<string, unknown> | undefined {
  const json = line.startsWith('data:') ? line.slice('data:'.length).trim() : line.trim();
  if (!json.startsWith('{')) return undefined;
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch (error) {
    throw new UnavailableError('the answer of the model server is not JSON', 'NotJson', error);
  }
}

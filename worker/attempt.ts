import type { ResultStore } from '../adapters/aws/results.ts';
import { requestBodyKey, resultKey } from '../core/protocol/names.ts';
import type { QueuedRequest } from '../core/protocol/request.ts';
import { type Answer, type AnswerOptions, answer } from './answer.ts';
import { watchForEnd } from './ended.ts';
import type { Log } from './log.ts';
import { PartialOutput } from './partial.ts';
import type { StatusNote } from './status.ts';
import { persist, type Sleep } from './time.ts';

export interface AttemptOptions extends AnswerOptions {
  results: ResultStore;
  sleep: Sleep;
  log: Log;
}

/** One attempt; `ended`: while it ran, the request was cancelled or answered elsewhere. Throws when the bucket fails. */
export async function attempt(
  request: QueuedRequest,
  note: StatusNote,
  cutOff: AbortSignal,
  options: AttemptOptions,
): Promise<Answer | { kind: 'ended' }> {
  const body = await bodyOf(request, options);
  const key = resultKey(request.fleet, request.id);
  const watch = note.isWatched ? watchForEnd(key, cutOff, options) : undefined;
  const partial = note.isWatched ? new PartialOutput(note, options.now) : undefined;
  try {
    // The answer does not wait for the status to be written.
    const [outcome] = await Promise.all([
      answer(
        { ...request, body },
        watch?.signal ?? cutOff,
        options,
        partial && ((soFar) => partial.saw(soFar)),
      ),
      note.begin(),
    ]);
    return outcome.kind === 'cut-off' && watch?.hasEnded ? { kind: 'ended' } : outcome;
  } finally {
    watch?.stop();
  }
}

/** Of a long request, from the bucket. One that is not there makes a body that fails its checks. */
async function bodyOf(
  { body, fleet, id }: QueuedRequest,
  { results, sleep, log }: AttemptOptions,
): Promise<Record<string, unknown>> {
  if (body) return body;
  const text = await persist(() => results.read(requestBodyKey(fleet, id)), sleep, log);
  return text === undefined ? {} : (JSON.parse(text) as Record<string, unknown>);
}

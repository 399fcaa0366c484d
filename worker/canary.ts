import type { ServerResponse } from 'node:http';
import type { ModelServer } from '../adapters/ollama/server.ts';
import type { Canary } from '../core/protocol/canary.ts';
import type { Log } from './log.ts';
import type { Slots } from './slots.ts';
import type { WorkerState } from './state.ts';

export interface CanaryOptions {
  server: Pick<ModelServer, 'answer'>;
  slots: Slots;
  state: WorkerState;
  models: readonly string[];
  log: Log;
  onServerTrouble: () => void;
}

/** A warm model answers one token at once; whoever asks waits a little longer. */
const TIMEOUT_MS = 10_000;

/** Has each model answer one token, as a client would. Takes a slot like everyone, and none that someone else needs. */
export async function answerCanary(response: ServerResponse, options: CanaryOptions): Promise<Canary> {
  const { server, slots, state, models, log, onServerTrouble } = options;
  if (!state.isAccepting)
    return { v: 1, refused: state.current === 'draining' ? 'draining' : 'loading', models: [] };
  const release = slots.tryTake('canary');
  if (!release) return { v: 1, refused: 'busy', models: [] };
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const answers: Canary['models'] = [];
  try {
    for (const model of models) {
      const startedAt = performance.now();
      const seconds = () => Math.round(performance.now() - startedAt) / 1000;
      try {
        await server.answer(model, signal);
        answers.push({ model, seconds: seconds() });
      } catch (error) {
        const timedOut = signal.aborted ? `no token within ${TIMEOUT_MS / 1000} s` : undefined;
        const reason = timedOut ?? (error instanceof Error ? error.message : String(error));
        answers.push({ model, seconds: seconds(), error: reason });
        if (gone.signal.aborted) break;
        log.warn('a model did not answer the canary', { model, error });
        onServerTrouble();
      }
    }
  } finally {
    release();
  }
  return { v: 1, models: answers };
}

export const canaryStatus = ({ refused, models }: Canary): number =>
  refused ? 503 : models.some(({ error }) => error !== undefined) ? 502 : 200;

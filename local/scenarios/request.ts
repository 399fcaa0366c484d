import type { QueuedRequest } from '../../core/protocol/request.ts';
import type { Arrival } from './load.ts';

const PROMPT = 'Explain quantum computing in one sentence.';
const CHARACTERS_PER_TOKEN = 4;

/** The body of the SQS message of a scenario's `number`th request. */
export const scenarioRequest = (
  number: number,
  {
    fleet,
    model,
    promptTokens,
    outputTokens,
    submittedAt,
  }: Omit<Arrival, 'offsetSeconds'> & {
    fleet: string;
    model: string;
    /** Epoch milliseconds. */
    submittedAt: number;
  },
): QueuedRequest => ({
  v: 1,
  id: `request-${number}`,
  fleet,
  path: '/api/generate',
  body: { model, prompt: promptOf(promptTokens), options: { num_predict: outputTokens } },
  submittedAt,
});

/** The benchmark's prompt, repeated up to about that many tokens. */
function promptOf(tokens: number): string {
  return PROMPT.padEnd(tokens * CHARACTERS_PER_TOKEN, ` ${PROMPT}`);
}

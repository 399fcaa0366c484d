import { WORKER_PORT } from '../../core/protocol/names.ts';
import { type Warmth, warmthSchema } from '../../core/protocol/warmup.ts';
import type { Answer, GoldenPrompt } from '../../core/upgrade/tally.ts';
import { messageOf } from '../shared/async.ts';

export interface Question extends GoldenPrompt {
  model: string;
}

/** Asks a replica through its worker's door. `busy`: it serves others and has no slot free; that says nothing of it. */
export type AskReplica = (ip: string, question: Question) => Promise<Answer | 'busy'>;

/** How warm a replica says it is; undefined: it did not answer, its process may just be starting. */
export type AskWarmth = (ip: string) => Promise<Warmth | undefined>;

const WARMTH_TIMEOUT_MS = 5_000;

export const askWarmth =
  (port = WORKER_PORT): AskWarmth =>
  async (ip) => {
    try {
      const signal = AbortSignal.timeout(WARMTH_TIMEOUT_MS);
      const response = await fetch(`http://${ip}:${port}/warm`, { signal });
      return warmthSchema.safeParse(await response.json()).data;
    } catch {
      return undefined;
    }
  };

/** Enough to tell a good answer from a bad one. */
const TOKENS = 32;
/** A server that says nothing for so long hangs. A slow CPU writes the tokens in less. */
const TIMEOUT_MS = 30_000;

/** The same seed and no temperature: what a version changes then is not chance. */
const OPTIONS = { temperature: 0, seed: 1, num_predict: TOKENS };

export const askReplica =
  (port = WORKER_PORT, timeoutMs = TIMEOUT_MS): AskReplica =>
  async (ip, question) => {
    const answer = await generate(`http://${ip}:${port}`, question, timeoutMs);
    if (answer === 'busy' || answer.ok || !/does not support generate/.test(answer.error ?? ''))
      return answer;
    return embed(`http://${ip}:${port}`, question, timeoutMs);
  };

const generate = (base: string, question: Question, timeoutMs: number) =>
  post(
    base,
    '/api/generate',
    { ...prompted(question), stream: false, options: OPTIONS },
    question,
    timeoutMs,
    (body) => ({
      text: String(body.response ?? ''),
      tokens: Number(body.eval_count ?? 0),
    }),
  );

/** Models that only embed: the vector, coarsely, as words. */
const embed = (base: string, { model, ...question }: Question, timeoutMs: number) =>
  post(base, '/api/embed', { model, input: question.prompt }, question, timeoutMs, (body) => {
    const [vector = []] = (body.embeddings ?? []) as number[][];
    const words = vector.slice(0, 32).map((value, index) => `d${index}v${Math.round(value * 20) + 1000}`);
    return { text: words.join(' '), tokens: 1 };
  });

const prompted = ({ model, prompt }: Question) => ({ model, prompt });

async function post(
  base: string,
  path: string,
  body: object,
  { name }: GoldenPrompt,
  timeoutMs: number,
  read: (body: Record<string, unknown>) => { text: string; tokens: number },
): Promise<Answer | 'busy'> {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const failed = (error: string): Answer => ({
    prompt: name,
    ok: false,
    error,
    text: '',
    seconds: seconds(),
    tokens: 0,
  });
  try {
    const response = await fetch(`${base}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (response.status === 503) return 'busy';
    if (!response.ok) return failed(`it answered ${response.status}: ${text.slice(0, 200)}`);
    const answer = read(JSON.parse(text));
    if (answer.text.trim() === '') return failed('it answered nothing');
    return { prompt: name, ok: true, ...answer, seconds: seconds() };
  } catch (error) {
    const cause = error instanceof Error && error.cause ? `: ${messageOf(error.cause)}` : '';
    return failed(`it did not answer: ${messageOf(error)}${cause}`);
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import OpenAI from 'openai';
import type { QueueablePath } from '../../core/protocol/request.ts';
import type { LocalSystem } from '../system/system.ts';
import type { RequestTrail } from './verdict.ts';

/** How a client sends its requests. */
export interface ChaosClient {
  readonly via: RequestTrail['via'];
  /** Resolves with the request's id once the system has said that it has it; rejects when it did not. */
  submit(size: RequestSize): Promise<string>;
}

export interface RequestSize {
  number: number;
  outputTokens: number;
}

const PROMPT = 'Explain quantum computing in one sentence.';

/** Each number has one client, so that a seed says who sends what: one in ten is OpenAI's, two in ten are the gateway's. */
export function clientsOf(system: LocalSystem, seed: number): (number: number) => ChaosClient {
  const queue = queueClient(system, seed);
  if (!system.gateway) return () => queue;
  const openai = openaiClient(system.gateway, modelOf(system));
  const gateway = gatewayClient(system.gateway, modelOf(system), seed);
  return (number) => (number % 10 === 0 ? openai : number % 10 < 3 ? gateway : queue);
}

const modelOf = ({ config }: LocalSystem): string => config.fleets[0]?.models[0] ?? '';

const BODIES: [QueueablePath, (model: string, tokens: number) => Record<string, unknown>][] = [
  ['/api/generate', (model, num_predict) => ({ model, prompt: PROMPT, options: { num_predict } })],
  ['/api/chat', (model, num_predict) => ({ model, messages: chat, options: { num_predict } })],
  ['/v1/chat/completions', (model, max_tokens) => ({ model, messages: chat, max_tokens })],
];
const chat = [{ role: 'user', content: PROMPT }];

function bodyOf({ number, outputTokens }: RequestSize, model: string) {
  const [path, body] = BODIES[number % BODIES.length] as (typeof BODIES)[number];
  return { path, body: body(model, outputTokens) };
}

/** Straight to SQS, as an application with rights on the queue does. */
const queueClient = (system: LocalSystem, seed: number): ChaosClient => ({
  via: 'queue',
  async submit(size) {
    const id = `chaos-${seed}-${size.number}`;
    const request = bodyOf(size, modelOf(system));
    await system.client.send({
      ...{ v: 1, id, fleet: system.policy.fleet, submittedAt: Date.now() },
      ...request,
    });
    return id;
  },
});

/** Any HTTP client: half of the requests with an `Idempotency-Key`, which their repetitions keep. */
const gatewayClient = (
  { url, apiKey }: { url: string; apiKey: string },
  model: string,
  seed: number,
): ChaosClient => ({
  via: 'gateway',
  async submit(size) {
    const { path, body } = bodyOf(size, model);
    const response = await fetch(new URL(path, url), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        ...(size.number % 20 < 10 ? { 'idempotency-key': `chaos-${seed}-${size.number}` } : {}),
      },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as { id?: unknown };
    if (response.status !== 202 || typeof answer.id !== 'string') {
      throw new Error(`HTTP ${response.status}: ${JSON.stringify(answer)}`);
    }
    return answer.id;
  },
});

/** OpenAI's own client and its background mode, with the repetitions that it makes by itself. */
const openaiClient = (gateway: { url: string; apiKey: string }, model: string): ChaosClient => {
  const client = openaiFor(gateway);
  return {
    via: 'openai',
    async submit({ outputTokens }) {
      const options = { model, input: PROMPT, max_output_tokens: outputTokens, background: true };
      return (await client.responses.create(options)).id;
    },
  };
};

export const openaiFor = ({ url, apiKey }: { url: string; apiKey: string }): OpenAI =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey });

const PAUSE_MS = { first: 100, last: 2000 };

/**
 * Sends a request again until it is accepted, as an application would.
 *
 * @param onRefused told each time that it was not
 * @throws the signal's reason when it fires first
 */
export async function untilAccepted(
  client: ChaosClient,
  size: RequestSize,
  signal: AbortSignal,
  onRefused: () => void,
): Promise<string> {
  for (let pause = PAUSE_MS.first; ; pause = Math.min(pause * 2, PAUSE_MS.last)) {
    signal.throwIfAborted();
    try {
      return await client.submit(size);
    } catch {
      onRefused();
      await delay(pause, undefined, { signal });
    }
  }
}

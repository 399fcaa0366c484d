import { setTimeout as delay } from 'node:timers/promises';
import OpenAI from 'openai';
import {
  failureReason,
  type Generation,
  type GenerationClient,
  GenerationError,
  type GenerationRequest,
} from '../generation.ts';

const POLL_MS = 250;

/**
 * Queues requests at the gateway and fetches their answers, with OpenAI's own client and its background mode. The time-out
 * is that of each HTTP call: how long the queue takes is bounded by `deadlineSeconds` alone.
 */
export class BackgroundGeneration implements GenerationClient {
  readonly #client: OpenAI;
  readonly #deadlineSeconds: number;

  /** @param url of the gateway, without `/v1` */
  constructor(url: string, apiKey: string, deadlineSeconds: number) {
    this.#client = new OpenAI({ baseURL: new URL('v1', url.endsWith('/') ? url : `${url}/`).href, apiKey });
    this.#deadlineSeconds = deadlineSeconds;
  }

  async generate(request: GenerationRequest): Promise<Generation> {
    const { model, prompt, outputTokens, timeoutSeconds, signal } = request;
    const options = { timeout: timeoutSeconds * 1000, signal };
    const begun = performance.now();
    const elapsed = (): number => (performance.now() - begun) / 1000;
    let firstTokenSeconds: number | undefined;
    try {
      let response = await this.#client.responses.create(
        { model, input: prompt, max_output_tokens: outputTokens, background: true },
        options,
      );
      while (response.status === 'queued' || response.status === 'in_progress') {
        if (elapsed() > this.#deadlineSeconds) {
          throw new GenerationError(`not answered within ${this.#deadlineSeconds} s`);
        }
        await delay(POLL_MS, undefined, { signal });
        response = await this.#client.responses.retrieve(response.id, {}, options);
        if (response.output_text) firstTokenSeconds ??= elapsed();
      }
      if (response.status !== 'completed' && response.status !== 'incomplete') {
        throw new GenerationError(`${response.status}: ${response.error?.message ?? 'no reason given'}`);
      }
      const seconds = elapsed();
      return {
        firstTokenSeconds: firstTokenSeconds ?? seconds,
        seconds,
        outputTokens: response.usage?.output_tokens ?? 0,
      };
    } catch (error) {
      if (error instanceof GenerationError) throw error;
      throw new GenerationError(signal.aborted ? 'stopped' : failureReason(error), { cause: error });
    }
  }
}

import { randomUUID } from 'node:crypto';
import type { Generation, GenerationClient, GenerationRequest } from '../../adapters/generation.ts';
import { GenerationError } from '../../adapters/generation.ts';
import { resultKey } from '../../core/protocol/names.ts';
import type { WorkerBench } from '../../test/worker/harness.ts';

/** Sends a message to the queue, and is told when its result is written: no gateway and no polling are measured along. */
export class QueueGeneration implements GenerationClient {
  readonly #bench: WorkerBench;
  readonly #written = new Map<string, () => void>();

  constructor(bench: WorkerBench) {
    this.#bench = bench;
    bench.front.onRequest(({ operation, status, resource }) => {
      if (operation === 'PutObject' && status === 200) this.#written.get(keyOf(resource?.[0] ?? ''))?.();
    });
  }

  async generate({ model, prompt, outputTokens }: GenerationRequest): Promise<Generation> {
    const id = `bench-${randomUUID()}`;
    const begun = performance.now();
    const written = Promise.withResolvers<void>();
    const key = resultKey('cpu', id);
    this.#written.set(key, written.resolve);
    await this.#bench.submit(id, { body: { model, prompt, options: { num_predict: outputTokens } } });
    await written.promise;
    this.#written.delete(key);
    const seconds = (performance.now() - begun) / 1000;
    const result = await this.#bench.result(id);
    if (result?.status !== 'completed') throw new GenerationError(result?.error?.message ?? 'no result');
    return { firstTokenSeconds: seconds, seconds, outputTokens };
  }
}

/** Of an object's ARN: `arn:aws:s3:::<bucket>/<key>`. */
const keyOf = (arn: string): string => arn.slice(arn.indexOf('/') + 1);

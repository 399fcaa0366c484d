import type { AwsRequest } from '../../../local/front/types.ts';
import { LambdaEmulator } from '../../../local/lambda/emulator.ts';
import type { FunctionSpec, InvokeResult } from '../../../local/lambda/host.ts';

/** Fails the first `failures` events; `served` resolves when `expected` events have come. */
class FakeHost {
  calls = 0;
  readonly served: Promise<void>;
  readonly #failures: number;
  readonly #spec: FunctionSpec;
  #resolve: () => void = () => undefined;
  readonly #expected: number;

  constructor(failures: number, expected: number, asyncRetries?: number) {
    this.#failures = failures;
    this.#expected = expected;
    this.#spec = { name: 'f', ...(asyncRetries !== undefined && { asyncRetries }) } as FunctionSpec;
    this.served = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  find = (name: string): FunctionSpec | undefined => (name === 'f' ? this.#spec : undefined);

  async invoke(): Promise<InvokeResult> {
    this.calls += 1;
    if (this.calls === this.#expected) this.#resolve();
    return this.calls <= this.#failures
      ? { functionError: 'Unhandled', payload: { errorType: 'E', errorMessage: 'm', trace: [] } }
      : { payload: null };
  }
}

describe('an asynchronous event', () => {
  const send = (host: FakeHost) =>
    new LambdaEmulator(host, { retryPausesMs: [0, 0] }).handle({
      operation: 'Invoke',
      input: { FunctionName: 'f', InvocationType: 'Event' },
      rawBody: Buffer.from('{}'),
    } as unknown as AwsRequest);
  /** Pauses are zero here: whatever was to come has come after a few turns of the loop. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setTimeout(resolve));
  };

  it.each([
    ['that succeeds is served once', 0, 1, undefined],
    ['that fails once is served twice', 1, 2, undefined],
    ['that keeps failing is tried three times', 9, 3, undefined],
    ['follows the function’s own number of retries', 9, 1, 0],
  ])('%s', async (_, failures, expected, retries) => {
    const host = new FakeHost(failures, expected, retries);
    expect(await send(host)).toEqual({ StatusCode: 202 });
    await host.served;
    await settle();
    expect(host.calls).toBe(expected);
  });
});

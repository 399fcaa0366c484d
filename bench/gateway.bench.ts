/**
 * How long a submission takes: the gateway's bundle as its own process, its HTTP API, and the local AWS front, as
 * the templates make them. No worker runs. `node bench/gateway.bench.ts`
 */
import { summarize } from '../core/statistics.ts';
import { GatewayRig } from '../test/gateway/rig.ts';

const WARM_UP = 50;
const SUBMISSIONS = 1000;

const throttling = { requestsPerSecond: 10_000, burst: 5000 };
let rig = new GatewayRig({ gateway: { throttling } });
await rig.start();

const submit = async (idempotencyKey?: string): Promise<number> => {
  const begun = performance.now();
  const reply = await fetch(`${rig.gateway.url}/v1/responses`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${rig.gateway.apiKey}`,
      'content-type': 'application/json',
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    body: JSON.stringify({
      model: 'tiny',
      input: 'Explain quantum computing in one sentence.',
      background: true,
      max_output_tokens: 60,
    }),
  });
  if (reply.status !== 200) throw new Error(`${reply.status}: ${await reply.text()}`);
  await reply.arrayBuffer();
  return performance.now() - begun;
};

async function measure(
  name: string,
  concurrency: number,
  one: (number: number) => Promise<number>,
): Promise<void> {
  const durations: number[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < SUBMISSIONS) {
      const number = next++;
      durations.push(await one(number));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  const { p50, p99, max } = summarize(durations, 1);
  console.log(`${name}: p50 ${p50} ms, p99 ${p99} ms, max ${max} ms (${SUBMISSIONS} submissions)`);
}

try {
  console.log(`cold: ${(await submit()).toFixed(0)} ms`);
  for (let i = 0; i < WARM_UP; i += 1) await submit();
  await measure('one at a time', 1, () => submit());
  await measure('one at a time, each with an idempotency key', 1, (number) => submit(`bench-${number}`));
  await Promise.all(Array.from({ length: 4 }, () => submit()));
  await measure('four at a time', 4, () => submit());

  await rig.stop();
  rig = new GatewayRig({ gateway: { throttling, perKey: { requestsPerMinute: 60_000, burst: 60_000 } } });
  await rig.start();
  for (let i = 0; i < WARM_UP; i += 1) await submit();
  await measure('one at a time, with a limit for each key', 1, () => submit());
} finally {
  await rig.stop();
}

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { requestIdOf } from '../../local/chaos/recorder.ts';
import type { RequestEvent } from '../../local/front/front.ts';
import { functionNamed } from '../../local/system/from-template.ts';
import { until } from '../worker/harness.ts';
import { MODEL } from './config.ts';
import { GatewayRig } from './rig.ts';

const SUBMISSIONS = 8;

/** The gateway's process is SIGKILLed in the middle of submissions, while OpenAI's client repeats what it gets no answer to. */
let rig: GatewayRig;
let client: OpenAI;
let gateway: string;
/** What the gateway did before it was killed, call by call. */
const killedAfter: string[] = [];
/** Of each request: how often it was sent to the queue, and its result written. */
const seen = { sent: new Map<string, number>(), written: new Map<string, number>() };

beforeAll(async () => {
  rig = new GatewayRig();
  await rig.start();
  gateway = functionNamed(rig.app, 'Gateway');
  client = new OpenAI({ baseURL: `${rig.gateway.url}/v1`, apiKey: rig.gateway.apiKey, maxRetries: 8 });
  rig.front.onRequest(({ operation, status, input, resource }) => {
    if (status !== 200) return;
    const result = operation === 'PutObject' && /results\/cpu\/(.*)\.json$/.exec(resource?.[0] ?? '')?.[1];
    if (result) count(seen.written, result);
    if (operation === 'SendMessage') count(seen.sent, requestIdOf(String(input?.MessageBody)) ?? '');
  });
  await rig.startWorker({ slots: 4, decodeRate: 1000, prefillRate: 1_000_000 });
});
afterAll(() => rig.stop());

const count = (counts: Map<string, number>, id: string): void =>
  void counts.set(id, (counts.get(id) ?? 0) + 1);

/** One submission, in which the process is killed once: after so many of the calls that it makes, if it makes so many. */
async function whileKilled<T>(afterCalls: number, work: () => Promise<T>): Promise<T> {
  const role = rig.front.principalByKey(rig.lambda.find(gateway)?.credentials.accessKeyId ?? '')?.name;
  let calls = 0;
  const onRequest = ({ principal, service, operation }: RequestEvent): void => {
    if (principal !== role) return;
    calls += 1;
    if (calls === afterCalls && rig.lambda.kill(gateway) > 0) killedAfter.push(`${service} ${operation}`);
  };
  const unlisten = rig.front.onRequest(onRequest);
  try {
    return await work();
  } finally {
    unlisten();
  }
}

const submit = (number: number, headers: Record<string, string> = {}) =>
  client.responses.create({ model: MODEL, input: `Why ${number}?`, background: true }, { headers });

/** The responses that the client was promised, as it fetches them at the end. */
async function fetched(ids: readonly string[]): Promise<OpenAI.Responses.Response[]> {
  await until(() => ids.every((id) => seen.written.has(id)));
  return await Promise.all(ids.map((id) => client.responses.retrieve(id)));
}

describe('a gateway whose process is killed while requests are submitted', () => {
  it('with an Idempotency-Key: each key has one response, and it is answered once', async () => {
    const numbers = Array.from({ length: SUBMISSIONS }, (_, index) => index);
    const key = (number: number) => ({ 'Idempotency-Key': `killed-${number}` });
    const submitted: OpenAI.Responses.Response[] = [];
    // One at a time: a kill strikes all that are under way.
    for (const number of numbers)
      submitted.push(await whileKilled(1 + (number % 4), () => submit(number, key(number))));
    const ids = submitted.map(({ id }) => id);

    expect(killedAfter.length).toBeGreaterThan(2);
    expect(new Set(ids).size).toBe(SUBMISSIONS);
    expect((await fetched(ids)).map(({ status }) => status)).toEqual(ids.map(() => 'completed'));
    const again = await Promise.all(numbers.map((number) => submit(number, key(number))));
    expect(again.map(({ id }) => id)).toEqual(ids);
    await until(() => rig.queued() === 0);
    // Not even of the tries that came to nothing is anything left that a worker would answer.
    expect([...seen.written].sort()).toEqual(ids.map((id) => [id, 1]).sort());
    expect([...seen.sent.keys()].sort()).toEqual([...ids].sort());
  });

  it('without one: what was acknowledged is answered, once', async () => {
    const before = killedAfter.length;
    const submitted: OpenAI.Responses.Response[] = [];
    for (let number = 0; number < SUBMISSIONS; number += 1)
      submitted.push(await whileKilled(1 + (number % 3), () => submit(number)));
    const ids = submitted.map(({ id }) => id);

    expect(killedAfter.length - before).toBeGreaterThan(2);
    expect((await fetched(ids)).map(({ status }) => status)).toEqual(ids.map(() => 'completed'));
    await until(() => rig.queued() === 0);
    expect(ids.map((id) => seen.written.get(id))).toEqual(ids.map(() => 1));
  });

  it('was killed at every step of a submission', () => {
    expect(killedAfter).toEqual(expect.arrayContaining(['s3 PutObject', 'sqs SendMessage']));
  });
});

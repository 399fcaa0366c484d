import { Injector } from '../../../local/chaos/injector.ts';
import type { FaultKind, PlannedFault } from '../../../local/chaos/plan.ts';
import { Tally } from '../../../local/chaos/tally.ts';
import type { Target } from '../../../local/chaos/target.ts';
import type { RequestEvent } from '../../../local/front/front.ts';
import type { Fault } from '../../../local/front/types.ts';

const fault = (kind: FaultKind, at: number): PlannedFault => ({ kind, at, draw: 0, seconds: 60, rate: 0.5 });

/** A target whose API server restarts as told, and whose front keeps a list of what is injected. */
function target(restart: () => Promise<void>) {
  const injected: string[] = [];
  const ended: string[] = [];
  const rates: (number | undefined)[] = [];
  const front = {
    inject({ service, kind, rate }: Fault) {
      injected.push(`${service} ${kind}`);
      rates.push(rate);
      return () => ended.push(`${service} ${kind}`);
    },
  };
  const fake = { system: { front, cluster: { restartApiserver: restart } } } as unknown as Target;
  return { fake, injected, ended, rates };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('carrying out the plan', () => {
  it('begins what is due, one of a kind at a time, and others beside it', async () => {
    const restarts: (() => void)[] = [];
    const { fake, injected } = target(() => new Promise((resolve) => restarts.push(resolve)));
    const tally = new Tally('admin');
    const plan = [
      fault('apiserver-restarted', 1),
      fault('apiserver-restarted', 2),
      fault('sqs-errors', 3),
      fault('s3-errors', 9),
    ];
    const injector = new Injector(fake, plan, tally);
    injector.advance(0);
    await turn();
    expect(restarts).toHaveLength(0);
    injector.advance(3);
    await turn();
    expect([restarts.length, injected]).toEqual([1, ['sqs error']]);
    restarts[0]?.();
    await turn();
    expect([restarts.length, tally.of('apiserver-restarted'), injector.done]).toEqual([2, 1, 1]);
    restarts[1]?.();
    injector.stop();
    await injector.settled();
    expect(tally.of('apiserver-restarted')).toBe(2);
  });

  it('ends spells when it is stopped, and begins nothing that was not due', async () => {
    const { fake, injected, ended } = target(async () => undefined);
    const injector = new Injector(fake, [fault('duplicates', 1), fault('s3-errors', 5)], new Tally('admin'));
    injector.advance(1);
    await turn();
    injector.stop();
    await injector.settled();
    expect([injected, ended]).toEqual([['sqs duplicate'], ['sqs duplicate']]);
    expect(injector.unfinished).toBe(0);
  });

  it('lets a spell that hit no call go on until it hits one, and for each of them', async () => {
    const { fake, ended, rates } = target(async () => undefined);
    const tally = new Tally('admin');
    const injector = new Injector(fake, [{ ...fault('duplicates', 1), seconds: 0 }], tally);
    injector.advance(1);
    while (rates.length < 2) await turn();
    expect([rates, ended]).toEqual([[0.5, 1], ['sqs duplicate']]);
    tally.happened('duplicates');
    await injector.settled();
    expect(ended).toEqual(['sqs duplicate', 'sqs duplicate']);
  });

  it('tells what the system does not survive', async () => {
    const { fake } = target(async () => {
      throw new Error('the port is taken');
    });
    const injector = new Injector(fake, [fault('apiserver-restarted', 1)], new Tally('admin'));
    injector.advance(1);
    await expect(injector.settled()).rejects.toThrow('the port is taken');
  });
});

describe('the count of faults', () => {
  const call = (changes: Partial<RequestEvent>): RequestEvent => ({
    ...{ service: 'sqs', operation: 'SendMessage', principal: 'Worker', status: 500, at: 0, durationMs: 1 },
    ...changes,
  });

  it('has every call that a fault refused but our own, and every message that was delivered wrongly', () => {
    const tally = new Tally('admin');
    tally.onRequest(call({ fault: 'throttle' }));
    tally.onRequest(call({ fault: 'error', service: 's3' }));
    tally.onRequest(call({ fault: 'answer-lost' }));
    tally.onRequest(call({ fault: 'throttle', principal: 'admin' }));
    tally.onRequest(call({ fault: 'throttle', service: 'dynamodb' }));
    tally.onRequest(call({ status: 200, delivery: { messages: [], twice: 2, outOfOrder: 3 } }));
    for (const kind of ['worker-killed', 'worker-killed-after-result', 'tick-killed'] as const)
      tally.happened(kind);
    expect(tally.counts).toEqual({
      ...{ workerKilled: 2, podEvicted: 0, nodeLost: 0, duplicated: 5, throttled: 3 },
      ...{ apiserverRestarted: 0, tickKilled: 1 },
    });
  });
});

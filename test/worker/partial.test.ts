import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UnavailableError } from '../../adapters/errors.ts';
import { statusKey } from '../../core/protocol/names.ts';
import { nextWriteAt, PartialOutput } from '../../worker/partial.ts';
import { request, setUp } from './consumer-set-up.ts';

/** A server that writes a word each second. */
function writing(seconds: number) {
  const world = setUp();
  world.server.seconds = seconds;
  world.server.pieces = Array.from({ length: seconds - 1 }, (_, i) => ({ response: `${i + 1} ` }));
  world.server.reply = () => ({ status: 200, body: { response: 'all' } });
  return world;
}

describe('what there is of an answer', () => {
  it('is in the status while the model writes, and the result overrules it', async () => {
    const { clock, submit, status, result, server } = writing(30);
    await submit('a');
    await clock.advance(5500);
    const early = status('a').partial?.text ?? '';
    expect(early).toMatch(/^1 2 3 /);
    await clock.advance(20_000);
    expect(status('a').partial?.text.startsWith(early)).toBe(true);
    expect(status('a').partial?.text.length).toBeGreaterThan(early.length);
    await clock.advance(10_000);
    expect(result('a')).toMatchObject({ status: 'completed', response: { response: 'all' } });
    expect(JSON.parse(String(server.asked[0]?.body)).stream).toBe(true);
  });

  it.each([
    ['nobody can read it', 30, (world: ReturnType<typeof writing>) => world.queue.send(request('a'))],
    ['it is short', 2, (world: ReturnType<typeof writing>) => void world.submit('a')],
    [
      'it has no text',
      30,
      (world: ReturnType<typeof writing>) => void world.submit('a', { path: '/v1/embeddings' }),
    ],
  ])('is not written where %s', async (why, seconds, send) => {
    const world = writing(seconds);
    send(world);
    await world.clock.advance(60_000);
    expect(JSON.parse(String(world.server.asked[0]?.body)).stream).toBe(why === 'it is short');
    expect(world.result('a')).toMatchObject({ status: 'completed' });
    // Status twice at most (queued, in progress), and the result.
    expect(world.results.writes).toBeLessThanOrEqual(3);
  });

  it('costs a bounded number of writes, however long it takes and however fast it comes', async () => {
    const { clock, submit, results, server, result } = setUp();
    server.seconds = 590;
    server.pieces = Array.from({ length: 5900 }, () => ({ response: 'x' }));
    await submit('a');
    await clock.advance(600_000);
    expect(result('a')).toMatchObject({ status: 'completed' });
    expect(results.writes).toBeLessThanOrEqual(3 + 46);
    expect(results.writes).toBeGreaterThan(30);
  });

  it('goes when the attempt fails, and the next one begins anew', async () => {
    const { clock, submit, status, server } = writing(30);
    server.reply = () => ({ status: 500, body: 'no' });
    await submit('a');
    await clock.advance(20_000);
    expect(status('a').partial).toBeDefined();
    await clock.advance(10_500);
    expect(status('a')).toMatchObject({ failures: 1 });
    expect(status('a').partial).toBeUndefined();
  });

  it('goes when the worker drains and gives the request back', async () => {
    const { clock, submit, status, consumer, queue } = writing(30);
    await submit('a');
    await clock.advance(20_000);
    expect(status('a').partial).toBeDefined();
    consumer.stop();
    consumer.cutOff();
    await clock.advance(100);
    expect(status('a').partial).toBeUndefined();
    expect(queue.visible).toBe(1);
  });

  it('that a dead worker left goes when the next one begins', async () => {
    const { clock, submit, status } = writing(30);
    await submit('a', { status: 'in_progress', partial: { text: 'old', reasoning: '' } });
    await clock.advance(1000);
    expect(status('a')).toMatchObject({ status: 'in_progress' });
    expect(status('a').partial).toBeUndefined();
  });

  it('is told no more once the request is cancelled', async () => {
    const { clock, submit, end, results, result } = writing(300);
    await submit('a');
    await clock.advance(20_000);
    await end('a', 'cancelled');
    await clock.advance(2500);
    const writes = results.writes;
    await clock.advance(60_000);
    expect(results.writes).toBe(writes);
    expect(result('a')).toMatchObject({ status: 'cancelled' });
  });

  it('does not revive a request that was deleted', async () => {
    const { clock, submit, results } = writing(30);
    await submit('a');
    await clock.advance(5000);
    await results.delete(statusKey('cpu', 'a'));
    await clock.advance(15_000);
    expect(results.objects.has(statusKey('cpu', 'a'))).toBe(false);
  });

  it('is told no more once someone else writes the status', async () => {
    const { clock, submit, results, status } = writing(30);
    await submit('a');
    await clock.advance(5000);
    const other = { ...status('a'), replica: 'other', partial: { text: 'theirs', reasoning: '' } };
    await results.replace(
      statusKey('cpu', 'a'),
      JSON.stringify(other),
      (await results.open(statusKey('cpu', 'a')))?.etag ?? '',
    );
    await clock.advance(15_000);
    expect(status('a')).toMatchObject({ replica: 'other', partial: { text: 'theirs' } });
  });

  it('may fail to be written: the next one tells more, and the answer is not held up', async () => {
    const { clock, submit, results, status, result } = writing(30);
    await submit('a');
    await clock.advance(1000);
    results.failReplace = [new UnavailableError('slow down', 'SlowDown')];
    await clock.advance(6000);
    expect(status('a').partial?.text).toMatch(/^1 2 3 4 /);
    await clock.advance(30_000);
    expect(result('a')).toMatchObject({ status: 'completed' });
  });

  it('is bounded in size, and not written again once it is full', async () => {
    const shown: number[] = [];
    let now = 0;
    const partial = new PartialOutput(
      { show: async ({ text, reasoning }) => shown.push(text.length + reasoning.length) > 0 },
      () => now,
    );
    for (const length of [10, 150_000, 160_000, 170_000]) {
      now += 5000;
      partial.saw({ text: 'x'.repeat(length), reasoning: '' });
      await Promise.resolve();
    }
    expect(shown).toEqual([10, 100_000]);
  });
});

it('writes come at growing gaps: as many as their docstring says', () => {
  const within = (seconds: number): number => {
    let writes = 0;
    for (let at = nextWriteAt(0, 0); at <= seconds * 1000; at = nextWriteAt(0, at)) writes += 1;
    return writes;
  };
  expect([within(30), within(600), within(36_000)]).toEqual([14, 45, 88]);
  fc.assert(
    fc.property(fc.nat(36_000_000), (age) => {
      expect(nextWriteAt(0, age) - age).toBeGreaterThanOrEqual(2000);
    }),
  );
});

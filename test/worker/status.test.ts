import { describe, expect, it } from '@jest/globals';
import { requestBodyKey, resultKey, statusKey } from '../../core/protocol/names.ts';
import { request, setUp } from './consumer-set-up.ts';

describe('the status of a request', () => {
  it('is in progress, with its replica, while it is worked on, and keeps its owner', async () => {
    const { clock, server, submit, status, result } = setUp();
    server.seconds = 20;
    await submit('a');
    await clock.advance(6000);
    expect(status('a')).toMatchObject({
      status: 'in_progress',
      replica: 'cpu-main-0',
      owner: 'app',
      failures: 0,
    });
    await clock.advance(20_000);
    expect(result('a')).toMatchObject({ status: 'completed' });
  });

  it('is not made for a request that came without the gateway', async () => {
    const { clock, queue, results } = setUp();
    queue.send(request('direct'));
    await clock.advance(10_000);
    expect([...results.objects.keys()]).toEqual([resultKey('cpu', 'direct')]);
  });

  it('is not revived when it was deleted meanwhile', async () => {
    const { clock, queue, server, results, submit, end } = setUp();
    server.seconds = 20;
    server.reply = () => ({ status: 500, body: 'no' });
    await submit('gone');
    await clock.advance(6000);
    await end('gone', 'deleted');
    await results.delete(statusKey('cpu', 'gone'));
    await clock.advance(60_000);
    expect([...results.objects.keys()]).toEqual([resultKey('cpu', 'gone')]);
    expect(queue.size).toBe(0);
  });
});

describe('a cancelled request', () => {
  it('is not begun', async () => {
    const { clock, queue, server, submit, end } = setUp();
    await end('a', 'cancelled');
    await submit('a');
    await clock.advance(6000);
    expect(server.asked).toHaveLength(0);
    expect(queue.size).toBe(0);
  });

  it('is broken off within seconds, keeps its end, and frees the slot', async () => {
    const { clock, queue, server, submit, end, result } = setUp();
    server.seconds = 500;
    await submit('a');
    await clock.advance(6000);
    expect(server.asked).toHaveLength(1);
    await end('a', 'cancelled');
    await clock.advance(3000);
    expect(server.asked[0]?.signal?.aborted).toBe(true);
    expect(result('a')).toMatchObject({ status: 'cancelled' });
    expect(queue.size).toBe(0);
    server.seconds = 1;
    await submit('b');
    await clock.advance(8000);
    expect(result('b')).toMatchObject({ status: 'completed' });
  });
});

describe('a request whose attempts fail', () => {
  it.each([
    ['errors of the server', { status: 500, body: 'out of memory' }, /HTTP 500/],
    ['answers that are none', { status: 200, body: 'gibberish' }, /not JSON/],
  ])(
    'by %s is given up after so many: failed with the reason, and in the dead letters',
    async (_, reply, why) => {
      const { clock, queue, deadLetters, server, submit, status, result } = setUp();
      server.reply = () => reply;
      await submit('poison');
      await clock.advance(120_000);
      expect(server.asked).toHaveLength(3);
      expect(result('poison')).toMatchObject({ status: 'failed', error: { code: 'attempts_exhausted' } });
      expect(result('poison').error?.message).toMatch(why);
      expect(status('poison').failures).toBe(3);
      expect(deadLetters.buried).toHaveLength(1);
      expect(JSON.parse(deadLetters.buried[0]?.body ?? '')).toEqual(request('poison'));
      expect(deadLetters.buried[0]?.reason).toMatch(why);
      expect(queue.size).toBe(0);
    },
  );

  it('is given up as well when it came without the gateway', async () => {
    const { clock, queue, deadLetters, server, result } = setUp();
    server.reply = () => ({ status: 500, body: 'no' });
    queue.send(request('direct'));
    await clock.advance(120_000);
    expect(result('direct')).toMatchObject({ status: 'failed' });
    expect(deadLetters.buried).toHaveLength(1);
  });

  it('is not given up for a server that is busy or not there', async () => {
    const { clock, queue, server, submit, status, result } = setUp();
    server.reply = () => ({ status: 503, body: 'busy' });
    await submit('patient');
    await clock.advance(300_000);
    expect(server.asked.length).toBeGreaterThan(3);
    expect(status('patient').failures).toBe(0);
    server.reply = () => {
      throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    };
    await clock.advance(600_000);
    expect(status('patient').failures).toBe(0);
    server.reply = () => ({ status: 200, body: { response: 'yes' } });
    await clock.advance(600_000);
    expect(result('patient')).toMatchObject({ status: 'completed' });
    expect(queue.size).toBe(0);
  });

  it('is not given up for hand-backs', async () => {
    const { clock, server, consumer, submit, status } = setUp();
    server.seconds = 100;
    await submit('long');
    for (let i = 0; i < 5; i += 1) {
      await clock.advance(6000);
      consumer.cutOff();
    }
    await clock.advance(6000);
    expect(server.asked.length).toBeGreaterThan(4);
    expect(status('long').failures).toBe(0);
  });

  it('is buried by the next worker when the one that counted the last failure died', async () => {
    const { clock, queue, deadLetters, server, submit, result } = setUp();
    await submit('left', { failures: 3 });
    await clock.advance(6000);
    expect(server.asked).toHaveLength(0);
    expect(deadLetters.buried).toHaveLength(1);
    expect(result('left')).toMatchObject({ status: 'failed' });
    expect(queue.size).toBe(0);
  });
});

describe('a long request', () => {
  it('has its body in the bucket', async () => {
    const { clock, queue, results, server } = setUp();
    await results.writeOnce(requestBodyKey('cpu', 'long'), JSON.stringify({ model: 'tiny', prompt: 'Long' }));
    queue.send({ ...request('long'), body: undefined });
    await clock.advance(6000);
    expect(JSON.parse(String(server.asked[0]?.body))).toMatchObject({ prompt: 'Long' });
  });

  it('fails with a reason when its body is gone', async () => {
    const { clock, queue, result } = setUp();
    queue.send({ ...request('bare'), body: undefined });
    await clock.advance(6000);
    expect(result('bare')).toMatchObject({ status: 'failed', error: { code: 'invalid_request' } });
    expect(queue.size).toBe(0);
  });
});

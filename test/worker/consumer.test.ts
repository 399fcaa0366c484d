import { describe, expect, it } from '@jest/globals';
import { RefusedError, UnavailableError } from '../../adapters/errors.ts';
import { resultKey } from '../../core/protocol/names.ts';
import { Consumer } from '../../worker/consumer.ts';
import { newCounters } from '../../worker/counters.ts';
import { WorkerMetrics } from '../../worker/metrics.ts';
import { Slots } from '../../worker/slots.ts';
import { WorkerState } from '../../worker/state.ts';
import { FakeClock, FakeDeadLetters, FakeQueue, FakeResults, FakeServer, quiet } from './fakes.ts';

const request = (id: string, more: object = {}) => ({
  ...{ v: 1, id, fleet: 'cpu', path: '/api/generate', submittedAt: 1 },
  body: { model: 'tiny', prompt: 'Why?' },
  ...more,
});

function setUp({ slots = 1, visibilitySeconds = 30, maxAttempts = 5 } = {}) {
  const clock = new FakeClock();
  const queue = new FakeQueue(clock);
  const results = new FakeResults();
  const deadLetters = new FakeDeadLetters();
  const server = new FakeServer(clock);
  const state = new WorkerState();
  const counters = newCounters();
  const semaphore = new Slots(slots, () => clock.now);
  const metrics = new WorkerMetrics({ slots: semaphore, state });
  let troubles = 0;
  const consumer = new Consumer({
    ...{ queue, results, server, state, counters, metrics, log: quiet, sleep: clock.sleep },
    ...{ slots: semaphore, statuses: results, deadLetters, maxAttempts },
    ...{ fleet: 'cpu', replica: 'cpu-main-0', models: ['tiny'], timeoutSeconds: 600, visibilitySeconds },
    now: () => clock.now,
    onUse: () => {},
    onServerTrouble: () => {
      troubles += 1;
    },
  });
  state.setWarm(true);
  void consumer.run();
  const key = (id: string) => resultKey('cpu', id);
  return {
    clock,
    queue,
    results,
    deadLetters,
    server,
    state,
    counters,
    metrics,
    slots: semaphore,
    consumer,
    key,
    troubles: () => troubles,
  };
}

describe('the consumer', () => {
  it('answers a request: one result, and the message is gone', async () => {
    const { clock, queue, results, server, key, counters } = setUp();
    queue.send(request('a', { body: { model: 'tiny', prompt: 'Why?', stream: true, keep_alive: 0 } }));
    await clock.advance(6000);
    expect(results.result(key('a'))).toMatchObject({
      ...{ v: 1, id: 'a', status: 'completed', response: { response: 'yes' }, replica: 'cpu-main-0' },
      submittedAt: 1,
    });
    expect(queue.size).toBe(0);
    expect(counters).toEqual({ completedQueue: 1, completedInteractive: 0, failed: 0 });
    expect(server.asked[0]).toMatchObject({
      path: '/api/generate',
      headers: { 'x-paddock-request-id': 'a' },
    });
    expect(JSON.parse(String(server.asked[0]?.body))).toEqual({
      model: 'tiny',
      prompt: 'Why?',
      stream: false,
    });
  });

  it('takes the next request while a result is written, and lets no more results pile up than it has slots', async () => {
    const { clock, queue, results, server, consumer } = setUp();
    const written = Promise.withResolvers<void>();
    const write = results.writeOnce.bind(results);
    results.writeOnce = async (key, body) => {
      await written.promise;
      return write(key, body);
    };
    for (const id of ['a', 'b', 'c', 'd']) queue.send(request(id));
    await clock.advance(20_000);
    expect(server.asked).toHaveLength(2);
    expect(consumer.busy).toBe(1);

    written.resolve();
    await clock.advance(20_000);
    expect([queue.size, server.asked.length, consumer.busy]).toEqual([0, 4, 0]);
  });

  it('counts what it did: waits, service, tokens, and why a message went back', async () => {
    const { clock, queue, server, metrics } = setUp();
    const good = { status: 200, body: { response: 'yes', prompt_eval_count: 7, eval_count: 3 } };
    server.reply = () => ({ status: 500, body: { error: 'runner crashed' } });
    queue.send(request('a', { submittedAt: clock.now - 4000 }));
    await clock.advance(1500);
    server.reply = () => good;
    await clock.advance(6000);
    queue.send(request('b', { body: { model: 'huge' } }));
    queue.send('hello');
    await clock.advance(6000);
    const page = await metrics.registry.metrics();
    expect(page).toContain('paddock_worker_requests_total{kind="queue",outcome="completed"} 1');
    expect(page).toContain('paddock_worker_requests_total{kind="queue",outcome="failed"} 1');
    expect(page).toContain('paddock_worker_hand_backs_total{cause="server"} 1');
    expect(page).toContain('paddock_worker_hand_backs_total{cause="unreadable"} 1');
    expect(page).toContain('paddock_worker_service_seconds_sum{kind="queue"} 1');
    expect(page).toContain('paddock_worker_tokens_total{kind="queue",direction="prompt"} 7');
    expect(page).toContain('paddock_worker_tokens_total{kind="queue",direction="generated"} 3');
    // The failed attempt and its hand-back are part of the wait: longer than the target of 5 s, shorter than 10.
    expect(page).toContain('paddock_worker_queue_wait_seconds_bucket{le="5"} 0');
    expect(page).toContain('paddock_worker_slots_busy{kind="queue"} 0');
    expect(page).toContain('paddock_worker_state{state="warm"} 1');
  });

  it('takes only what it has slots for, and leaves the rest to others', async () => {
    const { clock, queue, server } = setUp({ slots: 2 });
    server.seconds = 3;
    for (const id of ['a', 'b', 'c']) queue.send(request(id));
    await clock.advance(1000);
    expect(server.asked).toHaveLength(2);
    expect(queue.visible).toBe(1);
    await clock.advance(6000);
    expect(queue.size).toBe(0);
  });

  it('keeps a message hidden for as long as the work takes', async () => {
    const { clock, queue, server } = setUp();
    server.seconds = 200;
    queue.send(request('a'));
    for (let t = 0; t < 199; t += 1) {
      await clock.advance(1000);
      expect(queue.visible).toBe(0);
    }
    await clock.advance(10_000);
    expect(queue.size).toBe(0);
    expect(server.asked).toHaveLength(1);
  });

  it('takes nothing while it is not warm or draining', async () => {
    const { clock, queue, state } = setUp();
    await clock.advance(5000);
    state.setWarm(false);
    await clock.advance(6000);
    queue.send(request('a'));
    await clock.advance(60_000);
    expect(queue.visible).toBe(1);
    state.setWarm(true);
    await clock.advance(2000);
    expect(queue.size).toBe(0);
  });

  it('deletes a duplicate without doing the work again', async () => {
    const { clock, queue, results, server, key } = setUp();
    await results.writeOnce(key('a'), '{}');
    queue.send(request('a'));
    await clock.advance(6000);
    expect([server.asked.length, queue.size]).toEqual([0, 0]);
  });

  it('leaves the first answer as it is when another worker was quicker', async () => {
    const { clock, queue, results, key } = setUp();
    queue.send(request('a'));
    await clock.advance(500);
    await results.writeOnce(key('a'), '"theirs"');
    await clock.advance(6000);
    expect(results.objects.get(key('a'))).toBe('"theirs"');
    expect(queue.size).toBe(0);
  });

  it('does not work twice at the same request at the same time', async () => {
    const { clock, queue, server } = setUp({ slots: 2 });
    server.seconds = 10;
    queue.send(request('a'));
    queue.send(request('a'));
    await clock.advance(60_000);
    expect(server.asked).toHaveLength(1);
    expect(queue.size).toBe(0);
  });

  it.each([
    ['a server error', { status: 500, body: { error: 'runner crashed' } }],
    ['a full server', { status: 503, body: { error: 'server busy' } }],
    ['a model that is gone', { status: 404, body: { error: "model 'tiny' not found" } }],
    ['an answer that is cut short', { status: 200, body: '{"respon' }],
  ])('hands back on %s, and later succeeds', async (_name, reply) => {
    const { clock, queue, results, server, key, troubles, counters } = setUp();
    const good = server.reply;
    server.reply = () => reply;
    queue.send(request('a'));
    await clock.advance(1500);
    expect([queue.size, results.objects.has(key('a')), troubles()]).toEqual([1, false, 1]);
    expect(counters.failed).toBe(1);
    server.reply = good;
    await clock.advance(20_000);
    expect([queue.size, results.objects.has(key('a'))]).toEqual([0, true]);
  });

  it('waits longer with each failure of the same message', async () => {
    const { clock, queue, server } = setUp();
    server.reply = () => ({ status: 500, body: {} });
    queue.send(request('a'));
    await clock.advance(120_000);
    const handBacks = queue.visibilities.filter((seconds) => seconds !== 30);
    expect(handBacks.slice(0, 4)).toEqual([2, 4, 8, 16]);
  });

  it.each([
    ['ten times the visibility', 6, 60],
    ['five minutes', 600, 300],
  ])('never waits longer than %s', async (_name, visibilitySeconds, longest) => {
    const { clock, queue, server } = setUp({ visibilitySeconds, maxAttempts: 100 });
    server.reply = () => ({ status: 503, body: {} });
    queue.send(request('a'));
    await clock.advance(1_500_000);
    const handBacks = queue.visibilities.filter((seconds) => seconds !== visibilitySeconds);
    expect(Math.max(...handBacks)).toBe(longest);
  });

  it.each([
    [
      'what the server refuses',
      {},
      { status: 400, body: { error: 'invalid options' } },
      'http_400',
      'invalid options',
    ],
    [
      'embeddings of a model without',
      {},
      { status: 501, body: { error: 'this model does not support embeddings' } },
      'http_501',
      'does not support embeddings',
    ],
    [
      'an option of a wrong type, which Ollama calls its own fault',
      {},
      { status: 500, body: { error: 'option "num_predict" must be of type integer' } },
      'http_500',
      'must be of type integer',
    ],
    [
      'a format that is none',
      {},
      { status: 500, body: { error: { message: 'invalid format: "\\"nope\\""; expected "json"' } } },
      'http_500',
      'invalid format',
    ],
    [
      'a model of another fleet',
      { body: { model: 'huge' } },
      undefined,
      'model_not_found',
      'this fleet serves: tiny',
    ],
    ['no model', { body: {} }, undefined, 'invalid_request', 'model is required'],
  ])('answers with a failure: %s', async (_name, more, reply, code, message) => {
    const { clock, queue, results, server, key } = setUp();
    if (reply) server.reply = () => reply;
    queue.send(request('a', more));
    await clock.advance(6000);
    expect(results.result(key('a'))).toMatchObject({
      status: 'failed',
      error: { code, message: expect.stringContaining(message) },
    });
    expect(queue.size).toBe(0);
  });

  it.each([
    ['no JSON', 'hello'],
    ['another version', JSON.stringify(request('a', { v: 2 }))],
    ['another fleet', JSON.stringify(request('a', { fleet: 'gpu' }))],
  ])('leaves a message with %s for the dead-letter queue, unhurriedly', async (_name, body) => {
    const { clock, queue, results } = setUp();
    queue.send(body);
    await clock.advance(180_000);
    expect([queue.size, results.objects.size]).toEqual([1, 0]);
    expect(queue.visibilities.length).toBeLessThanOrEqual(4);
  });

  it('hands back at once what it got for a slot that the proxy has taken meanwhile', async () => {
    const { clock, queue, slots, server } = setUp();
    await clock.advance(1000);
    const release = slots.tryTake('interactive');
    queue.send(request('a'));
    await clock.advance(1000);
    expect(queue.visibilities).toEqual([0]);
    expect([server.asked.length, queue.visible]).toEqual([0, 1]);
    release?.();
    await clock.advance(3000);
    expect(queue.size).toBe(0);
  });

  it('cuts off what does not fit the deadline and hands it back at once', async () => {
    const { clock, queue, results, server, state, consumer } = setUp();
    server.seconds = 100;
    queue.send(request('a'));
    await clock.advance(5000);
    state.setDraining(true);
    consumer.cutOff();
    await clock.advance(100);
    await consumer.settled();
    expect([queue.visible, results.objects.size]).toEqual([1, 0]);
    expect(queue.visibilities.at(-1)).toBe(0);
  });

  it('does no work for results that it could not write', async () => {
    const { clock, queue, results, server } = setUp();
    results.exists = async () => {
      throw new RefusedError('no s3:ListBucket', 'Forbidden');
    };
    queue.send(request('a'));
    await clock.advance(60_000);
    expect(server.asked).toHaveLength(0);
    expect(queue.size).toBe(1);
  });

  it('does not hammer a queue that is down, and goes on when it is back', async () => {
    const { clock, queue } = setUp();
    const receive = queue.receive.bind(queue);
    let calls = 0;
    queue.receive = async () => {
      calls += 1;
      throw new UnavailableError('down', 'ECONNREFUSED');
    };
    await clock.advance(60_000);
    expect(calls).toBeLessThan(15);
    queue.receive = receive;
    queue.send(request('a'));
    await clock.advance(40_000);
    expect(queue.size).toBe(0);
  });

  it('polls without a pause again once the queue answers, though nothing waits', async () => {
    const { clock, queue } = setUp();
    const receive = queue.receive.bind(queue);
    queue.receive = async () => {
      throw new UnavailableError('down', 'ECONNREFUSED');
    };
    await clock.advance(120_000);
    queue.receive = receive;
    await clock.advance(40_000);
    const before = queue.calls.length;
    await clock.advance(60_000);
    expect(queue.calls.length - before).toBe(12);
  });

  it('polls without a pause again when what failed is gone from the queue', async () => {
    const { clock, queue, server } = setUp();
    server.reply = () => ({ status: 500, body: { error: 'runner crashed' } });
    queue.send(request('a'));
    await clock.advance(300_000);
    queue.purge();
    await clock.advance(40_000);
    const before = queue.calls.length;
    await clock.advance(60_000);
    expect(queue.calls.length - before).toBe(12);
  });

  it('takes messages less and less often from a queue that is never empty while each of them fails', async () => {
    const { clock, queue, server } = setUp();
    server.reply = () => ({ status: 500, body: { error: 'runner crashed' } });
    for (let i = 0; i < 100; i += 1) queue.send(request(`r${i}`));
    await clock.advance(60_000);
    expect(server.asked.length).toBeLessThan(10);
  });
});

import { requestBodyKey } from '../../../core/protocol/names.ts';
import { KEY, OTHER_KEY, World } from './world.ts';

describe('a submitted response', () => {
  it('is queued: the status lies in the bucket, the message in the queue of the fleet that has the model', async () => {
    const world = new World();
    const { status, body, headers } = await world.submit({ model: 'large:70b', metadata: { job: '7' } });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{
        object: 'response',
        status: 'queued',
        background: true,
        model: 'large:70b',
        metadata: { job: '7' },
      },
      ...{ output: [], error: null, created_at: 1_700_000_000 },
    });
    expect(headers).toMatchObject({ location: `/v1/responses/${body.id}`, 'x-request-id': 'request-1' });
    expect(world.status(body.id)).toMatchObject({ status: 'queued', owner: 'app', failures: 0 });
    expect(world.messages).toEqual([
      {
        fleet: 'gpu',
        group: 'app',
        request: expect.objectContaining({
          ...{ id: body.id, path: '/v1/responses' },
          body: expect.objectContaining({ input: 'Why?', model: 'large:70b' }),
        }),
      },
    ]);
  });

  it('has an id that nobody can guess, within what workers take', async () => {
    const world = new World();
    const ids = await Promise.all(Array.from({ length: 50 }, async () => (await world.submit()).body.id));

    expect(new Set(ids).size).toBe(50);
    for (const id of ids) expect(id).toMatch(/^resp_cpu_[\w-]{27}$/);
  });

  it.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Why?' }] }],
    ['/v1/embeddings', { input: ['one', 'two'] }],
    ['/api/generate', { prompt: 'Why?', options: { num_predict: 5 } }],
    ['/api/chat', { messages: [{ role: 'user', content: 'Why?' }] }],
  ])('may be a body of %s: 202, and where to read it', async (path, more) => {
    const world = new World();
    const { status, body, headers } = await world.call('POST', path, { model: 'TINY:latest', ...more });

    expect(status).toBe(202);
    expect(body).toMatchObject({ id: expect.any(String), status: 'queued' });
    expect(headers.location).toBe(`/v1/responses/${body.id}`);
    expect(world.messages[0]?.request).toMatchObject({ path, body: more });
  });

  it('goes by way of the bucket when it is too long for a message', async () => {
    const world = new World();
    const { body } = await world.submit({ input: 'x'.repeat(250_000) });

    expect(world.messages[0]?.request.body).toBeUndefined();
    const stored = world.objects.objects.get(requestBodyKey('cpu', body.id));
    expect(JSON.parse(stored ?? '{}').input).toHaveLength(250_000);
  });
});

describe('nothing is lost, and nothing stays behind, when', () => {
  it('the status can not be written: 503, no message', async () => {
    const world = new World();
    world.luck.writeOnce.push('fail-before');
    const { status, body, headers } = await world.submit();

    expect(status).toBe(503);
    expect(body.error.type).toBe('server_error');
    expect(headers['retry-after']).toBe('2');
    expect(world.messages).toEqual([]);
    expect(world.pending).toEqual([]);
  });

  it('the queue takes nothing: 503, and the status is withdrawn', async () => {
    const world = new World();
    world.luck.send.push('fail-before');

    expect((await world.submit()).status).toBe(503);
    expect(world.pending).toEqual([]);
    const [end] = [...world.objects.objects].filter(([key]) => key.startsWith('results/'));
    expect(JSON.parse(end?.[1] ?? '{}').status).toBe('deleted');
  });

  it('the queue took the message without telling: 503, and the worker finds that it ended', async () => {
    const world = new World();
    world.luck.send.push('fail-after');

    expect((await world.submit()).status).toBe(503);
    const id = world.messages[0]?.request.id as string;
    expect(world.objects.objects.has(`results/cpu/${id}.json`)).toBe(true);
    expect((await world.call('GET', `/v1/responses/${id}`)).status).toBe(404);
  });

  it('the queue took it without telling, and a worker was faster than the withdrawal: it was queued after all', async () => {
    const world = new World();
    world.luck.send.push('fail-after');
    const { store } = world.deps;
    const end = store.end.bind(store);
    store.end = async (...args) => {
      world.finish(args[0].id, { status: 'completed', response: { output: [] } });
      return end(...args);
    };
    const { status, body } = await world.submit();

    expect(status).toBe(200);
    expect((await world.call('GET', `/v1/responses/${body.id}`)).body.status).toBe('completed');
  });

  it('the bucket fails as well: still 503, and no client has the id', async () => {
    const world = new World();
    world.luck.send.push('fail-before');
    world.luck.writeOnce.push('ok', 'fail-before');

    expect((await world.submit()).status).toBe(503);
  });
});

describe('an idempotency key', () => {
  const headers = { 'idempotency-key': 'job-7' };

  it('makes a repeated request the same response', async () => {
    const world = new World();
    const first = await world.submit({}, headers);
    world.finish(first.body.id, { status: 'completed', response: { output: [] } });
    const second = await world.submit({}, headers);

    expect(second.body).toMatchObject({ id: first.body.id, status: 'completed' });
    expect(world.messages).toHaveLength(1);
    expect(world.pending).toHaveLength(1);
  });

  it('belongs to one request: another one with it is a conflict', async () => {
    const world = new World();
    await world.submit({}, headers);
    const { status, body, headers: answered } = await world.submit({ input: 'Other?' }, headers);

    expect(status).toBe(409);
    expect(body.error).toMatchObject({ code: 'idempotency_key_reused', type: 'invalid_request_error' });
    expect(answered['x-should-retry']).toBe('false');
    expect(world.messages).toHaveLength(1);
  });

  it('belongs to one API key holder', async () => {
    const world = new World();
    const first = await world.submit({}, headers);
    const second = await world.submit({}, { ...headers, authorization: `Bearer ${OTHER_KEY}` });

    expect(second.body.id).not.toBe(first.body.id);
  });

  it.each(['fail-before', 'fail-after'] as const)(
    'brings a request through whose message may be lost (%s): the repetition sends it',
    async (luck) => {
      const world = new World();
      world.luck.send.push(luck);
      expect((await world.submit({}, headers)).status).toBe(503);
      const { status, body } = await world.submit({}, headers);

      expect(status).toBe(200);
      expect(world.messages.at(-1)?.request.id).toBe(body.id);
      expect(new Set(world.messages.map(({ request }) => request.id)).size).toBe(1);
      expect(world.status(body.id)?.status).toBe('queued');
    },
  );

  it('brings a request through whose function died before it wrote the status', async () => {
    const world = new World();
    world.luck.writeOnce.push('ok', 'fail-before');
    expect((await world.submit({}, headers)).status).toBe(503);
    const { status, body } = await world.submit({}, headers);

    expect(status).toBe(200);
    expect(world.status(body.id)).toBeDefined();
    expect(world.messages).toHaveLength(1);
  });

  it('keeps a queued request when only its repetition fails', async () => {
    const world = new World();
    const { body } = await world.submit({}, headers);
    world.luck.send.push('fail-before');
    expect((await world.submit({}, headers)).status).toBe(503);

    expect((await world.call('GET', `/v1/responses/${body.id}`)).body.status).toBe('queued');
  });

  it.each([
    ['the same request', {}],
    ['another one', { input: 'Other?' }],
  ])('is free again for %s when its response was deleted', async (_which, request) => {
    const world = new World();
    const first = await world.submit({}, headers);
    await world.call('DELETE', `/v1/responses/${first.body.id}`);
    const second = await world.submit(request, headers);

    expect(second.status).toBe(200);
    expect(second.body.id).not.toBe(first.body.id);
    expect((await world.submit(request, headers)).body.id).toBe(second.body.id);
  });

  it('makes requests that come at once one response', async () => {
    const world = new World();
    const replies = await Promise.all(Array.from({ length: 8 }, () => world.submit({}, headers)));

    expect(replies.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
    expect(world.pending).toEqual([`status/cpu/${replies[0]?.body.id}.json`]);
  });

  it('keeps what belongs to it when its record was written without anyone being told', async () => {
    const world = new World();
    world.luck.writeOnce.push('fail-after');
    const [early, later] = [await world.submit({}, headers), await world.submit({}, headers)];

    expect([early.status, later.status]).toEqual([503, 200]);
    expect(world.pending).toEqual([`status/cpu/${later.body.id}.json`]);
    expect(world.messages).toHaveLength(1);
  });

  it.each(['', ' ', 'a b', 'ü', 'x'.repeat(256)])('is refused as %j', async (key) => {
    expect((await new World().submit({}, { 'idempotency-key': key })).status).toBe(400);
  });
});

describe('a fleet that sleeps', () => {
  it('is woken by the first of many submissions, once, through however many processes', async () => {
    const world = new World();
    world.awakeUntil = 0;
    const instances = Array.from({ length: 10 }, () => world.instance());
    await Promise.all(Array.from({ length: 100 }, (_, i) => world.submit({}, {}, instances[i % 10])));

    expect(world.messages).toHaveLength(100);
    expect(world.rung).toBe(1);
    expect(world.leaseReads).toBe(10);
  });

  it('is woken again when it slept in again', async () => {
    const world = new World();
    world.awakeUntil = 0;
    await world.submit();
    world.now += 11_000;
    await world.submit();

    expect(world.rung).toBe(2);
  });

  it('is let be while its loop runs, with one look in a second', async () => {
    const world = new World();
    for (let i = 0; i < 20; i += 1) await world.submit();

    expect(world.rung).toBe(0);
    expect(world.leaseReads).toBe(1);
  });

  it('is woken by the next submission when the first one failed', async () => {
    const world = new World();
    world.awakeUntil = 0;
    world.luck.send.push('fail-before');
    expect((await world.submit()).status).toBe(503);
    expect(world.rung).toBe(0);
    await world.submit();

    expect([world.rung, world.leaseReads]).toEqual([1, 1]);
  });

  it('is woken once its message is in the queue, not before', async () => {
    const world = new World();
    world.awakeUntil = 0;
    const { queueOf } = world.deps;
    let rungBefore = -1;
    world.deps.queueOf = (fleet) => {
      rungBefore = world.rung;
      return queueOf(fleet);
    };
    await world.submit();

    expect([rungBefore, world.rung]).toEqual([0, 1]);
  });

  it('does not fail a submission when it can not be woken', async () => {
    const world = new World();
    world.awakeUntil = 0;
    world.objects.open = async () => {
      throw new Error('down');
    };

    expect((await world.submit()).status).toBe(200);
  });
});

describe('API keys', () => {
  it('are needed, and known ones name their holder', async () => {
    const world = new World();
    for (const authorization of [
      '',
      'Bearer',
      'Bearer wrong',
      `Basic ${KEY}`,
      `Bearer ${KEY}x`,
      `Bearer ${'x'.repeat(9000)}`,
    ]) {
      const { status, body, headers } = await world.submit({}, { authorization });
      expect(status).toBe(401);
      expect(body.error).toMatchObject({ type: 'authentication_error', code: 'invalid_api_key' });
      expect(headers['www-authenticate']).toBe('Bearer');
    }
    await world.submit({}, { authorization: `Bearer ${OTHER_KEY}` });
    expect(world.messages).toEqual([expect.objectContaining({ group: 'batch' })]);
  });

  it('are read once a minute; strangers can not have them read more often than each five seconds', async () => {
    const world = new World();
    await world.submit({}, { authorization: 'Bearer stranger' });
    expect(world.secretReads).toBe(1);
    for (let i = 0; i < 50; i += 1) {
      world.now += 100;
      await world.submit({}, { authorization: `Bearer stranger-${i}` });
    }
    expect(world.secretReads).toBe(2);
    world.now += 1000;
    await world.submit({}, { authorization: 'Bearer stranger' });
    expect(world.secretReads).toBe(3);
    world.now += 61_000;
    await world.submit();
    expect(world.secretReads).toBe(4);
  });

  it('work at once, however lately the secret was read, and end within a minute of being revoked', async () => {
    const world = new World();
    const { keys } = world.secret;
    world.secret = { v: 1, keys: keys.slice(0, 1) };
    expect((await world.submit()).status).toBe(200);
    world.secret = { v: 1, keys };
    world.now += 100;
    expect((await world.submit({}, { authorization: `Bearer ${OTHER_KEY}` })).status).toBe(200);
    world.secret = { v: 1, keys: keys.slice(1) };
    world.now += 61_000;
    expect((await world.submit()).status).toBe(401);
  });

  it('stay good for a while when the secret can not be read; without any, nothing is let in', async () => {
    const world = new World();
    await world.submit();
    world.now += 120_000;
    world.luck.keys.push('fail-before');
    expect((await world.submit()).status).toBe(200);

    const cold = new World();
    cold.luck.keys.push('fail-before');
    expect((await cold.submit()).status).toBe(503);
    expect(cold.messages).toEqual([]);
  });

  it('never stand in a log, nor in what is stored', async () => {
    const world = new World();
    await world.submit({}, { 'idempotency-key': 'once' });
    await world.submit({}, { authorization: 'Bearer paddock_wrong' });
    await world.submit({ background: false });
    const seen = JSON.stringify([world.logged, [...world.objects.objects], world.messages]);

    expect(seen).not.toContain(KEY);
    expect(seen).not.toContain('paddock_wrong');
  });
});

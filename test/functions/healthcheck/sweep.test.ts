import { UnavailableError } from '../../../adapters/errors.ts';
import { responseObject } from '../../../core/openai/response.ts';
import { resultKey, statusKey } from '../../../core/protocol/names.ts';
import { Sweeper } from '../../../functions/healthcheck/sweep.ts';
import { FLEET, requestOf, World } from './world.ts';

const QUIET = { looked: 0, ended: 0, foreign: 0, redriving: 0, failures: [] };

describe('a sweep', () => {
  it('ends a response whose message SQS moved, with a reason that its client can read', async () => {
    const world = new World();
    const startedAt = Date.parse('2026-01-31T23:00:00Z');
    world.status('a', { replica: 'cpu-main-0', startedAt, failures: 1, lastFailure: 'HTTP 500' });
    world.put('a');

    expect(await world.sweep()).toEqual([{ fleet: FLEET, ...QUIET, looked: 1, ended: 1 }]);

    const status = world.readStatus('a');
    expect(status && responseObject(status, world.result('a'))).toMatchObject({
      status: 'failed',
      error: {
        message:
          'delivered too often: no worker lived to answer it; the last attempt began on cpu-main-0 at 2026-01-31T23:00:00.000Z; the last failure: HTTP 500 (undeliverable)',
      },
    });
    expect(world.result('a')).toMatchObject({ replica: 'healthcheck', error: { code: 'undeliverable' } });
  });

  it('gives the reason that a worker stated which did not live to write the result', async () => {
    const world = new World();
    world.put('a', 'given up after 5 failed attempts; the last: HTTP 500');
    await world.sweep();
    expect(world.result('a').error).toEqual({
      code: 'attempts_exhausted',
      message: 'given up after 5 failed attempts; the last: HTTP 500',
    });
  });

  it.each(['completed', 'failed', 'cancelled', 'deleted'])(
    'leaves one that is %s as it is',
    async (status) => {
      const world = new World();
      world.status('a');
      await world.objects.writeOnce(resultKey(FLEET, 'a'), JSON.stringify({ status }));
      world.put('a');
      expect(await world.sweep()).toEqual([{ fleet: FLEET, ...QUIET, looked: 1 }]);
      expect(world.result('a')).toEqual({ status });
    },
  );

  it('keeps every message, visible at once, and never deletes', async () => {
    const world = new World();
    for (let i = 0; i < 25; i += 1) world.put(`r${i}`);
    world.letters.put('garbled');
    expect(await world.sweep()).toMatchObject([{ looked: 26, ended: 25, foreign: 1 }]);
    expect(world.letters.bodies).toHaveLength(26);
    expect(world.letters.visible).toBe(26);
    expect(world.letters.callsOf('delete')).toEqual([]);
  });

  it.each([
    ['garbled', 'no JSON'],
    [JSON.stringify({ hello: 'world' }), 'no request'],
    [JSON.stringify(requestOf('gpu', 'a')), 'of another fleet'],
    [JSON.stringify({ ...requestOf(FLEET, 'a'), id: '../../status/cpu/b' }), 'with a hostile id'],
  ])('leaves %s alone: %s', async (body) => {
    const world = new World();
    world.letters.put(body);
    expect(await world.sweep()).toMatchObject([{ looked: 1, ended: 0, foreign: 1, failures: [] }]);
    expect([...world.objects.objects.keys()]).toEqual([]);
  });

  it('two at once end each response once', async () => {
    const world = new World();
    for (let i = 0; i < 30; i += 1) world.put(`r${i}`);
    const reports = (await Promise.all([world.sweep(), world.sweep()])).flat();
    expect(reports.reduce((sum, { ended }) => sum + ended, 0)).toBe(30);
    expect(reports.flatMap(({ failures }) => failures)).toEqual([]);
    expect(world.letters.visible).toBe(30);
  });

  it.each(['exists', 'open', 'writeOnce', 'release'] as const)(
    'that is killed at its first "%s" is completed by the next',
    async (step) => {
      const world = new World();
      for (let i = 0; i < 12; i += 1) world.put(`r${i}`);
      const dies = new Proxy(step === 'release' ? world.letters : world.objects, {
        get: (target, name) => {
          const value = Reflect.get(target, name, target);
          if (name === step) return () => new Promise(() => {});
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      const deps =
        step === 'release'
          ? { ...world.deps, fleets: [{ name: FLEET, letters: dies as never, count: async () => 12 }] }
          : { ...world.deps, objects: dies as never };
      void world.sweep(new Sweeper(deps));
      await new Promise((resolve) => setImmediate(resolve));
      // What it held comes back when its time is up.
      world.pass(91);
      await world.sweep();
      for (let i = 0; i < 12; i += 1) expect(world.result(`r${i}`)).toMatchObject({ status: 'failed' });
      expect(world.letters.visible).toBe(12);
    },
  );

  it('goes on past a letter that fails, tells of it, and tries it again', async () => {
    const world = new World();
    for (const id of ['a', 'b', 'c']) world.put(id);
    const original = world.objects.writeOnce.bind(world.objects);
    let isBroken = true;
    world.objects.writeOnce = async (key, body) => {
      if (isBroken && key.includes('/b.')) throw new UnavailableError('write: SlowDown', 'SlowDown');
      return original(key, body);
    };
    const sweeper = new Sweeper(world.deps);
    expect(await world.sweep(sweeper)).toMatchObject([{ ended: 2, failures: ['write: SlowDown'] }]);
    isBroken = false;
    expect(await world.sweep(sweeper)).toMatchObject([{ ended: 1, failures: [] }]);
  });

  it('says that a queue can not be read, and goes on with the other fleets', async () => {
    const world = new World();
    world.put('a');
    const broken = { name: 'gpu', letters: world.letters, count: () => Promise.reject(new Error('no')) };
    const deps = { ...world.deps, fleets: [broken, ...world.deps.fleets] };
    expect(await world.sweep(new Sweeper(deps))).toMatchObject([
      { fleet: 'gpu', failures: ['no'] },
      { fleet: FLEET, ended: 1 },
    ]);
  });

  it('does not look into an empty queue, nor again into one that has not changed', async () => {
    const world = new World();
    const sweeper = new Sweeper(world.deps);
    await world.sweep(sweeper);
    expect(world.letters.callsOf('receive')).toEqual([]);

    world.put('a');
    await world.sweep(sweeper);
    const looked = world.letters.callsOf('receive').length;
    await world.sweep(sweeper);
    expect(world.letters.callsOf('receive')).toHaveLength(looked);

    world.put('b');
    expect(await world.sweep(sweeper)).toMatchObject([{ ended: 1 }]);
    world.pass(901);
    expect(await world.sweep(sweeper)).toMatchObject([{ looked: 2, ended: 0 }]);
  });

  it('leaves what is being redriven, until that must have failed', async () => {
    const world = new World();
    world.status('a', { redrivenAt: world.now - 60_000 });
    world.put('a');
    const sweeper = new Sweeper(world.deps);
    expect(await world.sweep(sweeper)).toMatchObject([{ ended: 0, redriving: 1 }]);
    world.pass(15 * 60);
    expect(await world.sweep(sweeper)).toMatchObject([{ ended: 1, redriving: 0 }]);
  });

  it('does not wait for a redriven request that has been answered', async () => {
    const world = new World();
    world.status('a', { redrivenAt: world.now - 60_000 });
    await world.objects.writeOnce(resultKey(FLEET, 'a'), JSON.stringify({ status: 'completed' }));
    world.put('a');
    expect(await world.sweep()).toEqual([{ fleet: FLEET, ...QUIET, looked: 1 }]);
  });

  it('ends a request whose status nobody can understand', async () => {
    const world = new World();
    await world.objects.writeOnce(statusKey(FLEET, 'a'), '{"v":9}');
    world.put('a');
    expect(await world.sweep()).toMatchObject([{ ended: 1, failures: [] }]);
  });

  it('that runs out of time leaves what it has seen hidden, so that the next sees the rest', async () => {
    const world = new World();
    for (let i = 0; i < 25; i += 1) world.put(`r${i}`);
    const sweeper = new Sweeper(world.deps);
    expect(await world.sweep(sweeper, -1)).toMatchObject([{ looked: 10, ended: 10 }]);
    expect(world.letters.visible).toBe(15);
    expect(await world.sweep(sweeper)).toMatchObject([{ looked: 15, ended: 15 }]);
  });
});

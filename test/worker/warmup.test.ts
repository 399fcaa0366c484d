import { describe, expect, it } from '@jest/globals';
import { UnavailableError } from '../../adapters/errors.ts';
import {
  type FillModel,
  WarmupError,
  warmthSchema,
  warmupSummarySchema,
} from '../../core/protocol/warmup.ts';
import { WorkerState } from '../../worker/state.ts';
import { Warmup } from '../../worker/warmup.ts';
import { FakeClock, FakeServer, quiet } from './fakes.ts';

function setUp(fill?: (clock: FakeClock) => FillModel) {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  server.models = ['tiny:latest', 'llama3.1:8b'];
  const state = new WorkerState();
  const warmup = new Warmup({
    ...{ podUid: 'uid-1', workerId: 'worker-1', server, models: ['tiny', 'llama3.1:8b'], state },
    ...{ log: quiet, sleep: clock.sleep, now: () => clock.now, fill: fill?.(clock) ?? server.fill },
  });
  const model = (name: string) => warmup.report().models.find((one) => one.model === name);
  return { clock, server, state, warmup, model };
}

describe('the warm-up', () => {
  it('is done when every model has answered', async () => {
    const { clock, server, state, warmup } = setUp();
    void warmup.run();
    expect(warmup.report()).toMatchObject({ state: 'loading', warmAt: 0 });
    await clock.advance(0);
    expect(server.warmed).toEqual(['tiny', 'llama3.1:8b']);
    expect(state.isAccepting).toBe(true);
    expect(warmup.report().models).toMatchObject([
      { model: 'tiny', phase: 'warm', source: 'disk' },
      { model: 'llama3.1:8b', phase: 'warm', source: 'disk' },
    ]);
    expect(warmthSchema.parse(warmup.report())).toEqual(warmup.report());
  });

  it('waits for a server that is not up yet, and says so', async () => {
    const { clock, server, state, warmup, model } = setUp();
    server.failWarm = new UnavailableError('connection refused', 'ECONNREFUSED');
    void warmup.run();
    await clock.advance(20_000);
    expect(state.isWarm).toBe(false);
    expect(model('tiny')).toMatchObject({
      phase: 'failed',
      failure: {
        kind: 'server-gone',
        reason: expect.stringContaining('connection refused'),
        retryable: true,
      },
    });
    expect(warmup.summary().failures).toBeGreaterThan(3);
    server.failWarm = undefined;
    await clock.advance(15_000);
    expect(state.isWarm).toBe(true);
    expect(model('tiny')?.failure).toBeUndefined();
    expect(warmup.summary()).toMatchObject({ failures: 0 });
  });

  it('fetches a model that is not on the disk, and says how far it is', async () => {
    const { clock, server, state, warmup, model } = setUp();
    server.notOnDisk.add('tiny');
    server.whilePulling = () => clock.sleep(5000);
    void warmup.run();
    await clock.advance(1000);
    expect(model('tiny')).toMatchObject({
      ...{ phase: 'filling', source: 'registry', completedBytes: 1, totalBytes: 4 },
    });
    await clock.advance(5000);
    expect(server.warmed).toEqual(['pulled tiny', 'tiny', 'llama3.1:8b']);
    expect(state.isWarm).toBe(true);
    expect(warmup.summary()).toMatchObject({ completedBytes: 4, totalBytes: 4 });
  });

  it('measures each part, pauses after a failure included', async () => {
    let cuts = 2;
    const { clock, server, warmup, model } = setUp((time) => async (_, report) => {
      report({ source: 'mirror' });
      await time.sleep(1000);
      cuts -= 1;
      if (cuts >= 0) throw new WarmupError('source-unavailable', 'the mirror broke off');
    });
    server.whileLoading = () => clock.sleep(3000);
    void warmup.run();
    await clock.advance(60_000);
    // Three goes at the first model, with pauses of 0.5 and 1 s between them; one at the second.
    expect(model('tiny')?.seconds).toEqual({ fill: 4.5, load: 3, firstToken: 0 });
    expect(warmup.summary().parts).toEqual({ fill: 5.5, load: 6, firstToken: 0 });
    expect(warmupSummarySchema.parse(warmup.summary())).toEqual(warmup.summary());
  });

  it('keeps the parts of the first time: a later one says nothing of a new replica', async () => {
    const { clock, server, warmup } = setUp();
    server.whileLoading = () => clock.sleep(3000);
    void warmup.run();
    await clock.advance(10_000);
    server.whileLoading = () => clock.sleep(40_000);
    server.restart();
    await clock.advance(100_000);
    expect(warmup.summary().parts).toMatchObject({ load: 6 });
    expect(warmup.report().models[0]?.seconds).toMatchObject({ load: 40 });
  });

  it('notices a lost model, takes no work meanwhile, and warms again', async () => {
    const { clock, server, state, warmup } = setUp();
    void warmup.run();
    await clock.advance(10_000);
    const seen: string[] = [];
    state.onChange((current) => seen.push(current));
    server.models = ['tiny:latest'];
    server.warmed = [];
    await clock.advance(2000);
    expect(seen).toEqual(['loading', 'warm']);
    expect(server.warmed).toHaveLength(2);
  });

  it('takes no work from the moment its server ends, though another is there before anyone looks', async () => {
    const { clock, server, state, warmup } = setUp();
    void warmup.run();
    await clock.advance(100);
    server.warmed = [];
    server.whileLoading = () => clock.sleep(1000);
    server.restart();
    expect(state.isAccepting).toBe(false);
    await clock.advance(2000);
    expect(server.warmed).toEqual(['tiny', 'llama3.1:8b']);
    expect(state.isAccepting).toBe(true);
  });

  it('starts over when the server is restarted between two models: the first is lost again', async () => {
    const { clock, server, state, warmup } = setUp();
    let loads = 0;
    server.whileLoading = () => {
      loads += 1;
      if (loads === 2) server.restart();
    };
    state.onChange((current) => current === 'warm' && server.warmed.push('warm'));
    void warmup.run();
    await clock.advance(0);
    expect(server.warmed).toEqual(['tiny', 'llama3.1:8b', 'tiny', 'llama3.1:8b', 'warm']);
  });

  it('looks at once when a request has failed', async () => {
    const { clock, server, state, warmup } = setUp();
    void warmup.run();
    await clock.advance(100);
    server.models = new UnavailableError('refused', 'ECONNREFUSED');
    server.failWarm = server.models;
    warmup.look();
    await clock.advance(0);
    expect(state.isWarm).toBe(false);
  });

  it('forgives one late answer of a busy server, not two', async () => {
    const { clock, server, state, warmup } = setUp();
    void warmup.run();
    await clock.advance(1000);
    const good = server.models;
    server.models = new UnavailableError('no answer', 'ABORT_ERR');
    await clock.advance(2000);
    expect(state.isWarm).toBe(true);
    server.models = good;
    await clock.advance(2000);
    server.models = new UnavailableError('no answer', 'ABORT_ERR');
    server.failWarm = server.models;
    await clock.advance(4000);
    expect(state.isWarm).toBe(false);
  });

  it('lets a pod that can’t get there alone rest, until a new attempt is asked for', async () => {
    let full = true;
    const { clock, state, warmup, model } = setUp(() => async (_, report) => {
      report({ source: 'mirror' });
      if (full) throw new WarmupError('disk-full', 'tiny needs 5 GB, the volume has 3 GB');
    });
    void warmup.run();
    await clock.advance(10_000);
    expect(warmup.report().failures).toBe(1);
    expect(model('tiny')).toMatchObject({
      phase: 'failed',
      failure: { kind: 'disk-full', retryable: false },
    });
    full = false;
    warmup.ask('uid-1-2');
    await clock.advance(0);
    expect(state.isWarm).toBe(true);
  });

  it('is asked for the same attempt again and again without being hurried', async () => {
    const { clock, warmup } = setUp(() => async () => {
      throw new WarmupError('disk-full', 'no room');
    });
    void warmup.run();
    await clock.advance(0);
    for (let times = 0; times < 5; times += 1) {
      warmup.ask('uid-1-1');
      await clock.advance(1000);
    }
    expect(warmup.report().failures).toBe(2);
  });
});

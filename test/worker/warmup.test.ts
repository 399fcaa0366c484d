import { describe, expect, it } from '@jest/globals';
import { NotFoundError, UnavailableError } from '../../adapters/errors.ts';
import { WorkerState } from '../../worker/state.ts';
import { Warmup } from '../../worker/warmup.ts';
import { FakeClock, FakeServer, quiet } from './fakes.ts';

function setUp() {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  server.models = ['tiny:latest', 'llama3.1:8b'];
  const state = new WorkerState();
  const models = ['tiny', 'llama3.1:8b'];
  const warmup = new Warmup({ server, models, state, log: quiet, sleep: clock.sleep });
  return { clock, server, state, warmup };
}

describe('the warm-up', () => {
  it('is done when every model has answered', async () => {
    const { clock, server, state, warmup } = setUp();
    void warmup.run();
    expect(warmup.report()).toMatchObject({ state: 'loading', warmAt: 0 });
    await clock.advance(0);
    expect(server.warmed).toEqual(['tiny', 'llama3.1:8b']);
    expect(state.isAccepting).toBe(true);
    expect(warmup.report().models).toEqual({ tiny: 'warm', 'llama3.1:8b': 'warm' });
  });

  it('waits for a server that is not up yet, and says so', async () => {
    const { clock, server, state, warmup } = setUp();
    server.failWarm = new UnavailableError('connection refused', 'ECONNREFUSED');
    void warmup.run();
    await clock.advance(20_000);
    expect(state.isWarm).toBe(false);
    expect(warmup.report().error).toContain('connection refused');
    server.failWarm = undefined;
    await clock.advance(15_000);
    expect(state.isWarm).toBe(true);
    expect(warmup.report().error).toBeUndefined();
  });

  it('fetches a model that is not on the disk', async () => {
    const { clock, server, state, warmup } = setUp();
    server.failWarm = new NotFoundError('no such model', '404');
    void warmup.run();
    await clock.advance(0);
    expect(server.warmed).toEqual(['pulled tiny', 'tiny', 'llama3.1:8b']);
    expect(state.isWarm).toBe(true);
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
});

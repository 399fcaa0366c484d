import { describe, expect, it } from '@jest/globals';
import { Drain } from '../../worker/drain.ts';
import { WorkerState } from '../../worker/state.ts';
import { FakeClock, quiet, settle } from './fakes.ts';

function setUp() {
  const clock = new FakeClock();
  const state = new WorkerState();
  state.setWarm(true);
  let finish = () => {};
  let cutOffs = 0;
  const work = { done: new Promise<void>((resolve) => (finish = resolve)) };
  const drain = new Drain({
    ...{ state, log: quiet, sleep: clock.sleep, terminationSeconds: 20, now: () => clock.now },
    settled: () => work.done,
    cutOff: () => {
      cutOffs += 1;
      finish();
    },
  });
  return { clock, state, drain, finish: () => finish(), cutOffs: () => cutOffs };
}

describe('a drain mark', () => {
  it('stops new work at once and leaves the old work its time', async () => {
    const { clock, state, drain, cutOffs, finish } = setUp();
    drain.setMark(clock.now / 1000 + 60);
    expect(state.isAccepting).toBe(false);
    await clock.advance(50_000);
    finish();
    await clock.advance(60_000);
    expect([cutOffs(), state.current]).toEqual([0, 'draining']);
  });

  it('cuts off what is left at the deadline, and stays draining', async () => {
    const { clock, state, drain, cutOffs } = setUp();
    drain.setMark(clock.now / 1000 + 60);
    await clock.advance(59_000);
    expect(cutOffs()).toBe(0);
    await clock.advance(2000);
    expect([cutOffs(), state.current]).toEqual([1, 'draining']);
  });

  it('that is removed puts the worker back to work', async () => {
    const { clock, state, drain, cutOffs } = setUp();
    drain.setMark(clock.now / 1000 + 60);
    await clock.advance(30_000);
    drain.setMark(undefined);
    expect(state.isAccepting).toBe(true);
    await clock.advance(60_000);
    expect(cutOffs()).toBe(0);
  });

  it('that is moved counts as it is now', async () => {
    const { clock, drain, cutOffs } = setUp();
    const deadline = clock.now / 1000 + 10;
    drain.setMark(deadline);
    drain.setMark(deadline + 100);
    await clock.advance(60_000);
    expect(cutOffs()).toBe(0);
    drain.setMark(clock.now / 1000 + 1);
    await clock.advance(2000);
    expect(cutOffs()).toBe(1);
  });

  it('is nothing new when it is read again with each heartbeat', async () => {
    const { clock, drain, cutOffs } = setUp();
    const deadline = clock.now / 1000 + 10;
    for (let i = 0; i < 9; i += 1) {
      drain.setMark(deadline);
      await clock.advance(1000);
    }
    expect(cutOffs()).toBe(0);
    await clock.advance(2000);
    expect(cutOffs()).toBe(1);
  });
});

describe('SIGTERM', () => {
  it('ends when the work has ended', async () => {
    const { clock, state, drain, finish, cutOffs } = setUp();
    const ended = drain.terminate();
    expect(state.isAccepting).toBe(false);
    await clock.advance(5000);
    finish();
    await ended;
    expect(cutOffs()).toBe(0);
  });

  it('hands back at its own deadline, or at that of the mark when it is earlier', async () => {
    for (const [mark, expected] of [
      [undefined, 20_000],
      [100, 20_000],
      [5, 5000],
      [-10, 0],
    ] as const) {
      const { clock, drain, cutOffs } = setUp();
      if (mark !== undefined) drain.setMark(clock.now / 1000 + mark);
      await settle();
      const before = cutOffs();
      const ended = drain.terminate();
      if (expected > 0) {
        await clock.advance(expected - 100);
        expect(cutOffs()).toBe(before);
      }
      await clock.advance(200);
      expect(cutOffs()).toBeGreaterThan(0);
      await ended;
    }
  });

  it('ends although the queue does not take back what was cut off', async () => {
    const { clock, state } = setUp();
    const drain = new Drain({
      ...{ state, log: quiet, sleep: clock.sleep, terminationSeconds: 20, now: () => clock.now },
      settled: () => new Promise(() => {}),
      cutOff: () => {},
    });
    const ended = drain.terminate();
    await clock.advance(26_000);
    await ended;
  });

  it('can not be called off by a mark that goes', async () => {
    const { state, drain } = setUp();
    drain.setMark(1e12);
    void drain.terminate();
    drain.setMark(undefined);
    expect(state.current).toBe('draining');
  });
});

import { describe, expect, it } from '@jest/globals';
import { UnavailableError } from '../../adapters/errors.ts';
import type { Renewal } from '../../adapters/kubernetes/lease.ts';
import type { Heartbeat } from '../../core/protocol/heartbeat.ts';
import { HeartbeatLoop } from '../../worker/heartbeat.ts';
import type { Log } from '../../worker/log.ts';
import { FakeClock, quiet } from './fakes.ts';

function setUp(log: Log = quiet) {
  const clock = new FakeClock();
  const lease = { beats: 0, answer: (): Renewal => ({}) };
  const marks: (number | undefined)[] = [];
  const loop = new HeartbeatLoop({
    lease: {
      renew: async () => {
        lease.beats += 1;
        return lease.answer();
      },
    },
    intervalSeconds: 2,
    snapshot: () => ({}) as Heartbeat,
    onDrainMark: (deadline) => marks.push(deadline),
    log,
    sleep: clock.sleep,
  });
  void loop.run();
  return { clock, lease, marks, loop };
}

describe('the heartbeat', () => {
  it('renews every interval, and hears of the drain mark in the answer', async () => {
    const { clock, lease, marks } = setUp();
    await clock.advance(3000);
    lease.answer = () => ({ drainDeadline: 77 });
    await clock.advance(2000);
    expect(marks).toEqual([undefined, undefined, 77]);
  });

  it('comes at once when something changed', async () => {
    const { clock, lease, loop } = setUp();
    await clock.advance(500);
    loop.soon();
    await clock.advance(0);
    expect(lease.beats).toBe(2);
  });

  it('goes on through an outage, complains now and then, and keeps the last mark', async () => {
    const lines: string[] = [];
    const log = { ...quiet, error: (m: string) => lines.push(m), info: (m: string) => lines.push(m) };
    const { clock, lease, marks } = setUp(log);
    await clock.advance(0);
    lease.answer = () => {
      throw new UnavailableError('down', 'ECONNREFUSED');
    };
    await clock.advance(59_000);
    expect(lease.beats).toBe(30);
    expect(marks).toEqual([undefined]);
    expect(lines).toHaveLength(2);
    lease.answer = () => ({});
    await clock.advance(2000);
    expect(lines.at(-1)).toContain('again');
  });

  it('ends when stopped', async () => {
    const { clock, lease, loop } = setUp();
    await clock.advance(1000);
    loop.stop();
    await clock.advance(10_000);
    expect(lease.beats).toBe(1);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Release, Slots } from '../../worker/slots.ts';

describe('slots', () => {
  it('are shared between the queue and the proxy', () => {
    const slots = new Slots(2);
    const first = slots.tryTake('queue');
    slots.tryTake('interactive');
    expect(slots.tryTake('queue')).toBeUndefined();
    expect([slots.busyOf('queue'), slots.busyOf('interactive'), slots.free]).toEqual([1, 1, 0]);
    first?.();
    expect(slots.tryTake('interactive')).toBeDefined();
  });

  it('hold the canary too, and count nothing of it', () => {
    let now = 1000;
    const slots = new Slots(1, () => now);
    const release = slots.tryTake('canary');
    expect(slots.tryTake('queue')).toBeUndefined();
    now += 5000;
    release?.();
    expect([slots.free, slots.busySlotSeconds, slots.lastActiveAt]).toEqual([1, 0, 0]);
  });

  it('wake one who waits when one is given back, and never go below zero', async () => {
    const slots = new Slots(1);
    const release = slots.tryTake('queue');
    const free = slots.whenFree(new AbortController().signal);
    release?.();
    release?.();
    await free;
    expect(slots.free).toBe(1);
  });

  it('stop waiting when told', async () => {
    const slots = new Slots(1);
    slots.tryTake('queue');
    const stop = new AbortController();
    const free = slots.whenFree(stop.signal);
    stop.abort();
    await free;
    expect(slots.free).toBe(0);
  });

  it('integrate what is busy over time, whatever the order of events', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ take: fc.boolean(), after: fc.nat(5000) })), (events) => {
        let now = 0;
        let expected = 0;
        const slots = new Slots(3, () => now);
        const held: Release[] = [];
        for (const { take, after } of events) {
          expected += held.length * after;
          now += after;
          if (take) {
            const release = slots.tryTake('queue');
            if (release) held.push(release);
          } else held.shift()?.();
          expect(slots.busy).toBe(held.length);
        }
        expect(slots.busySlotSeconds).toBeCloseTo(expected / 1000);
      }),
    );
  });
});

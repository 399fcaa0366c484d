import fc from 'fast-check';
import { backStep, type RollingPod, type RollingPool, rollStep } from '../../../core/upgrade/roll.ts';

const NOW = 1_700_000_000;
const settings = { at: NOW, warmSeconds: 600 };
const pod = (name: string, overrides: Partial<RollingPod> = {}): RollingPod => ({
  name,
  isNew: true,
  isReady: true,
  isTerminating: false,
  createdAt: NOW - 60,
  boundAt: NOW - 50,
  restarts: 0,
  ...overrides,
});
const pool = (name: string, pods: RollingPod[], hasTemplate = true): RollingPool => ({
  name,
  hasTemplate,
  desired: pods.length,
  pods,
});
const old = { isNew: false };
const cold = { isReady: false };

describe('rolling on', () => {
  it('takes pools one after the other', () => {
    const [a, b] = [pool('a', [pod('a-0', old)], false), pool('b', [pod('b-0', old)], false)];
    expect(rollStep([a, b], settings)).toMatchObject({ kind: 'change', pool: 'a' });
    expect(rollStep([pool('a', [pod('a-0', old)]), b], settings)).toMatchObject({ kind: 'wait', pool: 'a' });
    expect(rollStep([pool('a', [pod('a-0')]), b], settings)).toMatchObject({ kind: 'change', pool: 'b' });
    expect(rollStep([pool('a', [pod('a-0')]), pool('b', [pod('b-0')])], settings)).toEqual({ kind: 'done' });
  });

  it('waits for a new replica to be warm, and for an old one to be gone', () => {
    expect(rollStep([pool('a', [pod('a-0', cold)])], settings).kind).toBe('wait');
    const ending = { ...pool('a', [pod('a-0'), pod('a-1', { ...old, isTerminating: true })]), desired: 1 };
    expect(rollStep([ending], settings).kind).toBe('wait');
    expect(rollStep([{ ...pool('a', []), desired: 1 }], settings).kind).toBe('wait');
  });

  it('fails for a new replica that restarts or never gets warm', () => {
    expect(rollStep([pool('a', [pod('a-0', { ...cold, restarts: 3 })])], settings)).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('does not stay up'),
    });
    expect(rollStep([pool('a', [pod('a-0', { ...cold, boundAt: NOW - 601 })])], settings).kind).toBe(
      'failed',
    );
    expect(rollStep([pool('a', [pod('a-0', { ...cold, boundAt: undefined })])], settings).kind).toBe('wait');
  });
});

describe('rolling back', () => {
  it('removes what never came up', () => {
    const step = backStep([pool('a', [pod('a-0'), pod('a-1', { ...old, ...cold, restarts: 9 })])]);
    expect(step).toMatchObject({ kind: 'wait', remove: ['a-1'] });
  });

  it('never ends as failed, and removes no replica that serves', () => {
    const anyPod = fc.record({
      name: fc.string(),
      isNew: fc.boolean(),
      isReady: fc.boolean(),
      isTerminating: fc.boolean(),
      createdAt: fc.constant(0),
      boundAt: fc.constantFrom(undefined, 0),
      restarts: fc.nat(9),
    });
    const anyPool = fc.record({
      name: fc.string(),
      hasTemplate: fc.boolean(),
      desired: fc.nat(5),
      pods: fc.array(anyPod),
    });
    fc.assert(
      fc.property(fc.array(anyPool), (pools) => {
        const step = backStep(pools);
        expect(step.kind).not.toBe('failed');
        const ready = pools.flatMap(({ pods }) => pods.filter(({ isReady }) => isReady));
        const cold = pools.flatMap(({ pods }) =>
          pods.filter(({ isReady }) => !isReady).map((one) => one.name),
        );
        for (const name of step.remove) expect(cold).toContain(name);
        if (step.remove.length > cold.length) expect(ready).toEqual([]);
      }),
    );
  });
});

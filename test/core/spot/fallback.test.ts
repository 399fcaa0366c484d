import type { FleetPolicy, PoolPolicy } from '../../../core/scaling/types.ts';
import { defaultPolicy } from '../../../simulation/policy.ts';
import { Model, type ModelOptions } from './model.ts';

const pool = (name: string, overrides: Partial<PoolPolicy> = {}): PoolPolicy => ({
  name,
  capacityType: name.startsWith('spot') ? 'spot' : 'on-demand',
  kind: 'elastic',
  ...{ min: 0, max: 10, slots: 1, expectedSecondsPerRequest: 5, expectedLeadSeconds: 60 },
  pricePerHour: name.startsWith('spot') ? 0.45 : 1,
  ...overrides,
});

/** Five replicas: one on-demand, four spot. */
const policy = (pools: PoolPolicy[] = [pool('od'), pool('spot')], overrides: Partial<FleetPolicy> = {}) =>
  defaultPolicy({
    ...{ fleet: 'f', minReplicas: 5, maxReplicas: 20, quarantineSeconds: 180, pools },
    ...overrides,
  });

function settled(options: Partial<ModelOptions> = {}): Model {
  const model = new Model({ policy: policy(), ...options });
  model.run(300);
  return model;
}

const warmOf = (model: Model, name: string) => model.pool(name).warm(model.at);
const ended = (model: Model) =>
  model.plans.flatMap(({ commands }) => commands.filter(({ kind }) => kind === 'terminate-instance'));
const rules = (model: Model) => model.plan.reasons.map(({ rule }) => rule);
const from = (seconds: number) => (at: number) => at >= 1_800_000_000 + seconds;
const until = (seconds: number) => (at: number) => at < 1_800_000_000 + seconds;
const outage = (begin: number, end: number) => (at: number) => until(begin)(at) || from(end)(at);

describe('an interruption', () => {
  it('drains the replica with time to hand back, and its pool is asked for another at once', () => {
    const model = settled();
    expect([warmOf(model, 'od'), warmOf(model, 'spot')]).toEqual([1, 4]);
    model.interrupt('spot');
    const { at } = model;
    model.run(5);
    const drain = model.plan.commands.find(({ kind }) => kind === 'drain');
    expect(drain).toMatchObject({ pool: 'spot', deadline: at + 100, interrupted: true });
    expect(rules(model)).toContain('interruption');
    expect(model.pool('spot').desired).toBe(5);
    expect(model.pool('od').replicas).toBe(1);

    model.run(10);
    // Drained, it is ended before EC2 does, so that its group does not replace it once more.
    expect(ended(model)).toHaveLength(1);
    expect([model.pool('spot').desired, model.pool('spot').replicas]).toEqual([4, 4]);
    expect([warmOf(model, 'od'), warmOf(model, 'spot')]).toEqual([1, 3]);
    model.run(55);
    expect([warmOf(model, 'od'), warmOf(model, 'spot')]).toEqual([1, 4]);
    model.run(180);
    expect(model.pool('spot').asked.filter(({ given }) => given)).toHaveLength(2);
    expect(model.plan.commands).toEqual([]);
    const spotCommands = model.plans
      .flatMap(({ commands }) => commands)
      .filter((one) => 'pool' in one && one.pool === 'spot' && one.kind === 'cancel-drain');
    expect(spotCommands).toEqual([]);
  });

  it('of several at once asks for as many, once', () => {
    const model = settled();
    for (let count = 0; count < 3; count += 1) model.interrupt('spot');
    model.run(5);
    expect([model.pool('od').desired, model.pool('spot').desired]).toEqual([1, 7]);
    model.run(65);
    expect([warmOf(model, 'od'), warmOf(model, 'spot')]).toEqual([1, 4]);
    model.run(300);
    expect([warmOf(model, 'od'), warmOf(model, 'spot')]).toEqual([1, 4]);
    expect(model.pool('spot').asked.filter(({ given }) => given)).toHaveLength(2);
  });

  it('is made up for on-demand when the pool refuses another, at the maximum too', () => {
    const model = settled({ policy: policy(undefined, { maxReplicas: 5 }), capacity: { spot: until(290) } });
    model.interrupt('spot');
    model.run(60);
    expect([model.pool('od').desired, model.pool('spot').desired]).toEqual([2, 3]);
    model.run(60);
    expect([warmOf(model, 'od'), warmOf(model, 'spot')]).toEqual([2, 3]);
    expect(model.plan.wanted).toBe(5);
  });

  it('leaves an instance to its group that the group replaces by itself, on advice', () => {
    const model = settled();
    const [first] = model.pool('spot').instances;
    const advice = { kind: 'rebalance', pool: 'spot', instanceId: first?.id ?? '', at: model.at } as const;
    model.heard.push({ from: 0, notice: advice });
    model.interrupt('spot');
    model.run(60);
    expect(ended(model)).toEqual([]);
    expect(model.pool('spot').instances).toContain(first);
    model.run(300);
    expect([warmOf(model, 'od'), warmOf(model, 'spot')]).toEqual([1, 4]);
    expect(model.pool('spot').desired).toBe(4);
  });

  it('drains late while every replica is needed, in time to hand back', () => {
    const model = settled();
    const more = () => {
      model.backlog += 20;
    };
    model.run(120, more);
    model.interrupt('spot');
    const { at } = model;
    const drained = () =>
      model.plans.find(({ commands }) => commands.some((one) => one.kind === 'drain' && one.interrupted));
    model.run(70, more);
    expect(drained()).toBeUndefined();
    model.run(50, more);
    expect((drained()?.at ?? 0) - at).toBeGreaterThanOrEqual(70);
    expect((drained()?.at ?? 0) - at).toBeLessThanOrEqual(95);
  });

  it('of an instance that is not there changes nothing', () => {
    const model = settled();
    const before = model.plan;
    model.heard.push({
      from: 0,
      notice: {
        kind: 'interruption',
        pool: 'spot',
        instanceId: 'i-other',
        at: model.at,
        endsAt: model.at + 120,
      },
    });
    model.run(10);
    expect(model.plan.commands).toEqual([]);
    expect(model.plan.wantedByPool).toEqual(before.wantedByPool);
  });

  it('that comes while the fleet shrinks costs no other replica', () => {
    const model = settled();
    model.interrupt('spot');
    model.run(5);
    model.policy.minReplicas = 4;
    model.run(300);
    expect(model.warm).toBe(4);
    const drained = model.plans.flatMap(({ commands }) =>
      commands.filter((one) => one.kind === 'drain' && one.pool === 'spot'),
    );
    expect(drained).toHaveLength(1);
  });
});

describe('a pool without capacity', () => {
  it('keeps its need for the fallback delay, then the next pool takes it over, and nothing is asked of it', () => {
    const model = new Model({ policy: policy(), capacity: { spot: () => false } });
    model.run(25);
    expect(rules(model)).toContain('quarantine');
    expect(model.plan.wantedByPool).toEqual({ od: 1, spot: 4 });
    model.run(20);
    expect(model.plan.wantedByPool).toEqual({ od: 5, spot: 0 });
    expect(model.pool('spot').desired).toBe(0);
    model.run(120);
    expect(warmOf(model, 'od')).toBe(5);
  });

  it('is probed with one node when its quarantine ends, and takes everything back once that is given', () => {
    const model = new Model({ policy: policy(), capacity: { spot: from(100) } });
    model.run(180);
    expect(model.pool('spot').desired).toBe(0);
    model.run(6);
    expect(model.pool('spot').desired).toBe(1);
    expect(rules(model)).toContain('half-open');
    expect(warmOf(model, 'od')).toBe(5);
    model.run(5);
    expect(model.pool('spot').desired).toBe(4);
    expect(warmOf(model, 'od')).toBe(5);
    model.run(55);
    expect(warmOf(model, 'od')).toBe(5);
    model.run(120);
    expect([warmOf(model, 'od'), warmOf(model, 'spot')]).toEqual([1, 4]);
  });

  it('goes over to several fallback pools in the order of their price', () => {
    const pools = [pool('od'), pool('od-dear', { pricePerHour: 2 }), pool('spot')];
    const model = new Model({
      policy: policy(pools),
      capacity: { spot: () => false, od: outage(10, 10_000) },
    });
    model.run(300);
    // The base came before the outage.
    expect([warmOf(model, 'od'), warmOf(model, 'od-dear'), warmOf(model, 'spot')]).toEqual([1, 4, 0]);
  });

  it('and no other with any: keeps what serves, keeps asking, says so, and recovers when there is capacity again', () => {
    const model = settled({ capacity: { spot: outage(300, 900), od: outage(300, 900) } });
    for (let count = 0; count < 4; count += 1) model.interrupt('spot');
    model.run(500);
    expect(warmOf(model, 'od')).toBe(1);
    expect(model.warm).toBe(1);
    expect(model.plan.numbers.shortfall).toBeGreaterThanOrEqual(4);
    expect([...model.pools.values()].reduce((total, one) => total + one.desired, 0)).toBeGreaterThanOrEqual(
      5,
    );
    model.run(400);
    expect(model.warm).toBe(5);
    model.run(3600);
    expect([warmOf(model, 'od'), warmOf(model, 'spot')]).toEqual([1, 4]);
    expect(model.plan.numbers.shortfall).toBe(0);
  });

  it('that nobody told of is found by the replicas that wait too long', () => {
    const model = new Model({ policy: policy(), capacity: { spot: () => false }, delays: () => [] });
    model.run(175);
    expect(model.plan.wantedByPool).toEqual({ od: 1, spot: 4 });
    model.run(60);
    expect(model.plan.wantedByPool).toEqual({ od: 5, spot: 0 });
  });

  it('that has a minimum uses what comes late', () => {
    const pools = [pool('od'), pool('spot', { min: 1 })];
    // With a minimum, its group goes on asking.
    const model = new Model({ policy: policy(pools), capacity: { spot: from(90) } });
    model.run(178);
    expect(warmOf(model, 'spot')).toBe(0);
    const [late] = model.pool('spot').instances;
    expect(late).toBeDefined();
    model.run(60);
    expect(warmOf(model, 'spot')).toBeGreaterThanOrEqual(1);
    expect(model.pool('spot').instances).toContain(late);
  });
});

describe('a pool in use that fails', () => {
  it('is not left asking: what it has is protected, what it lacks is given up, and both are undone afterwards', () => {
    const model = settled({ capacity: { spot: outage(300, 700) } });
    model.policy.minReplicas = 8;
    model.run(60);
    const spot = model.pool('spot');
    expect([spot.desired, spot.instances.length, spot.replicas]).toEqual([4, 4, 4]);
    expect(spot.instances.every(({ isProtected }) => isProtected)).toBe(true);
    const { length } = spot.asked;
    model.run(100);
    expect(spot.asked).toHaveLength(length);
    model.run(1800);
    expect([warmOf(model, 'od'), warmOf(model, 'spot')]).toEqual([2, 6]);
    expect(spot.instances.some(({ isProtected }) => isProtected)).toBe(false);
    expect(model.endedByAws).toEqual([]);
  });
});

describe('capacity that flaps every five minutes', () => {
  it('is gone back to no more often than the backoff lets it', () => {
    const flapping = (at: number) => Math.floor((at - 1_800_000_000) / 300) % 2 === 1;
    let was = false;
    const model = new Model({ policy: policy(), capacity: { spot: flapping } });
    const episodes: { since: number; failures: number }[] = [];
    model.run(4 * 3600, (at) => {
      // Capacity that ends takes with it what it gave.
      if (was && !flapping(at)) for (const _ of model.pool('spot').instances) model.interrupt('spot');
      was = flapping(at);
      const now = model.memory.quarantines.spot;
      if (now && now.since !== episodes.at(-1)?.since)
        episodes.push({ since: now.since, failures: now.failures });
    });
    const gaps = episodes.slice(1).map(({ since }, index) => {
      const before = episodes[index] as (typeof episodes)[number];
      return { gap: since - before.since, least: Math.min(3600, 180 * 1.25 ** (before.failures - 1)) };
    });
    const failed = model.pool('spot').asked.filter(({ given }) => !given);
    for (const [index, { at }] of failed.slice(1).entries())
      expect(at - (failed[index]?.at ?? 0)).toBeGreaterThanOrEqual(180);
    expect(gaps.length).toBeGreaterThan(5);
    for (const { gap, least } of gaps) expect(gap).toBeGreaterThanOrEqual(least);
    expect(model.warm).toBeGreaterThanOrEqual(5);
  });
});

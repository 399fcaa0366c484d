import fc from 'fast-check';
import { parseMemory } from '../../../core/scaling/decide.ts';
import { defaultPolicy } from '../../../simulation/policy.ts';
import { Model } from './model.ts';

const START = 1_800_000_000;
const base = { kind: 'elastic' as const, min: 0, max: 12, slots: 1, expectedSecondsPerRequest: 5 };
const policyOf = (minReplicas: number) =>
  defaultPolicy({
    ...{ fleet: 'f', minReplicas, maxReplicas: 24 },
    // So that a fleet has recovered from anything within a quarter of an hour.
    ...{ quarantineSeconds: 30, quarantineMaxSeconds: 120, fallbackDelaySeconds: 10 },
    pools: [
      { ...base, name: 'od', capacityType: 'on-demand', pricePerHour: 1, expectedLeadSeconds: 60 },
      { ...base, name: 'spot', capacityType: 'spot', pricePerHour: 0.45, expectedLeadSeconds: 60 },
    ],
  });

/** Outages and interruptions of the first seven minutes. */
const storm = fc.record({
  replicas: fc.integer({ min: 1, max: 8 }),
  outages: fc.array(fc.record({ from: fc.nat(400), seconds: fc.integer({ min: 1, max: 200 }) }), {
    maxLength: 3,
  }),
  onDemandOut: fc.option(fc.record({ from: fc.integer({ min: 100, max: 400 }), seconds: fc.nat(150) })),
  interruptions: fc.array(fc.record({ at: fc.nat(400), pick: fc.nat(7) }), { maxLength: 8 }),
  /** Some come along with an interruption's notice, as EC2 sends them when it is in a hurry. */
  advice: fc.array(fc.record({ at: fc.nat(400), pick: fc.nat(7) }), { maxLength: 4 }),
});
type Storm = typeof storm extends fc.Arbitrary<infer T> ? T : never;

const within = (at: number, { from, seconds }: { from: number; seconds: number }) =>
  at - START >= from && at - START < from + seconds;

function play(
  { replicas, outages, onDemandOut, interruptions, advice }: Storm,
  delays: (index: number) => number[],
  each: (model: Model) => void = () => {},
): Model {
  const model = new Model({
    policy: policyOf(replicas),
    capacity: {
      spot: (at) => !outages.some((outage) => within(at, outage)),
      od: (at) => !onDemandOut || !within(at, onDemandOut),
    },
    delays,
    tickSeconds: 10,
  });
  const due = interruptions.map(({ at, pick }) => ({ at: START + at, pick }));
  const advised = advice.map(({ at, pick }) => ({ at: START + at, pick }));
  model.run(600, (at) => {
    for (const one of advised.filter((candidate) => candidate.at <= at)) {
      model.advise('spot', one.pick);
      // Every other with the notice itself.
      if (one.pick % 2 === 0) model.interrupt('spot', one.pick);
      advised.splice(advised.indexOf(one), 1);
    }
    for (const one of due.filter((candidate) => candidate.at <= at)) {
      model.interrupt('spot', one.pick);
      due.splice(due.indexOf(one), 1);
    }
    each(model);
  });
  return model;
}

/** What a fleet looks like to its users once all is quiet. */
const settledState = (model: Model) => ({
  warm: Object.fromEntries([...model.pools].map(([name, pool]) => [name, pool.warm(model.at)])),
  desired: Object.fromEntries([...model.pools].map(([name, pool]) => [name, pool.desired])),
  replicas: Object.fromEntries([...model.pools].map(([name, pool]) => [name, pool.replicas])),
  quarantines: model.memory.quarantines,
  commands: model.plan.commands,
  wanted: model.plan.wantedByPool,
});

const RUNS = { numRuns: 15 };
/** The longest backoff, the way back, and what EC2 still takes. */
const QUIET = 900;

describe('a fleet through a storm', () => {
  it('ends up as the cheapest allowed split, whatever came, and stays so', () => {
    fc.assert(
      fc.property(storm, (one) => {
        const model = play(one, () => [0]);
        model.run(QUIET);
        const spot = Math.min(one.replicas - 1, Math.floor(0.8 * one.replicas));
        expect(settledState(model)).toMatchObject({
          warm: { od: one.replicas - spot, spot },
          desired: { od: one.replicas - spot, spot },
          commands: [],
          quarantines: {},
        });
        // Nothing that Paddock ordered let AWS choose among nodes.
        expect(model.endedByAws).toEqual([]);
      }),
      RUNS,
    );
  });

  it('ends up the same however late, often and disordered notices arrive', () => {
    const delay = fc.array(fc.nat(300), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(storm, fc.array(delay, { minLength: 1, maxLength: 8 }), (one, delays) => {
        const late = play(one, (index) => delays[index % delays.length] ?? [0]);
        const lost = play(one, (index) => (index % 2 === 0 ? [] : [0]));
        const prompt = play(one, () => [0]);
        for (const model of [late, lost, prompt]) model.run(QUIET);
        expect(settledState(late)).toEqual(settledState(prompt));
        expect(settledState(lost)).toEqual(settledState(prompt));
      }),
      RUNS,
    );
  });

  it('never asks a quarantined pool for more than it has while on-demand can serve, and remembers what reads back', () => {
    fc.assert(
      fc.property(storm, (one) => {
        play(
          { ...one, onDemandOut: null },
          () => [0],
          (model) => {
            const { plan, memory } = model;
            if (!plan) return;
            expect(parseMemory(JSON.parse(JSON.stringify(memory)))).toEqual(memory);
            const quarantined = (memory.quarantines.spot?.until ?? 0) > plan.at;
            if (!quarantined) return;
            const grows = plan.commands.some(
              (command) =>
                command.kind === 'set-nodes' && command.pool === 'spot' && command.to > command.from,
            );
            expect(grows).toBe(false);
          },
        );
      }),
      RUNS,
    );
  });
});

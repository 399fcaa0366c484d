import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Arrivals, readArrivals, superpose } from '../../simulation/arrivals.ts';
import { burstArrivals } from '../../simulation/generate.ts';
import { simulate } from '../../simulation/simulate.ts';

const TRACES = process.env.PADDOCK_TRACES ?? path.resolve('..', 'shared', 'traces');
const CODE = path.join(TRACES, 'azure-llm-code-2023-first-20-min.csv');
const CONV = path.join(TRACES, 'azure-llm-conv-2023.csv');
const haveTraces = existsSync(CODE) && existsSync(CONV);
if (!haveTraces) {
  console.warn(
    `SKIPPED: no traces in ${TRACES}; set PADDOCK_TRACES to the folder that holds Azure's 2023 LLM traces.`,
  );
}

/** One set of policy defaults for all of them; KEDA runs with its own. */
(haveTraces ? describe : describe.skip)("against KEDA's defaults on recorded traffic", () => {
  const arrivals = new Map<string, Arrivals>();
  beforeAll(async () => {
    arrivals.set('code', superpose(await readArrivals(CODE), 10));
    arrivals.set('conv', superpose(await readArrivals(CONV), 4));
  });

  it.each([
    ['code', 20, 0.65],
    ['code', 120, 0.65],
    ['conv', 20, 0.8],
    ['conv', 120, 0.8],
  ])(
    '%s, lead time %i s: as many start in time, at no more than %f of the cost',
    (name, leadSeconds, costShare) => {
      const trace = arrivals.get(name);
      if (!trace) throw new Error(`trace ${name} was not read`);

      const ours = simulate('paddock', trace, { leadSeconds });
      const theirs = simulate('keda', trace, { leadSeconds });

      expect(ours.startedInTime).toBeGreaterThanOrEqual(theirs.startedInTime - 0.02);
      expect(ours.replicaSeconds).toBeLessThanOrEqual(costShare * theirs.replicaSeconds);
      expect(ours.cutOff).toBe(0);
    },
  );
});

describe('the scenario burst', () => {
  const arrivals = burstArrivals();

  it.each([0, 1, 2, 3, 4, 4.9])('is served in time and back at one, first tick at %f s', (phaseSeconds) => {
    const result = simulate('paddock', arrivals, {
      slots: 1,
      leadSeconds: 20,
      maxReplicas: 20,
      phaseSeconds,
    });

    expect(result.waitSeconds.p99).toBeLessThanOrEqual(23);
    expect(result.replicaSeconds).toBeLessThanOrEqual(3300);
    expect(result.finalReplicas).toBe(1);
    expect(result.cutOff).toBe(0);
  });

  it('grows at the first tick after the burst began', () => {
    const grewAt: number[] = [];
    simulate('paddock', arrivals, {
      slots: 1,
      leadSeconds: 20,
      maxReplicas: 20,
      phaseSeconds: 2,
      onPlan: (plan) => {
        if (plan.summary === 'scale-out') grewAt.push(plan.at - 1_700_000_000);
      },
    });
    expect(grewAt.find((at) => at >= 60)).toBeLessThanOrEqual(65);
  });

  it('stays sane when the counters are a minute late: all served, nothing cut off, no more than twice the cost', () => {
    const options = { slots: 1, leadSeconds: 20, maxReplicas: 20 };
    const late = simulate('paddock', arrivals, { ...options, counterLagSeconds: 60 });
    const prompt = simulate('paddock', arrivals, options);

    expect(late.cutOff).toBe(0);
    // For a minute nobody can know, then the lead time: no rule can be faster.
    expect(late.waitSeconds.max).toBeLessThanOrEqual(60 + 20 + 5);
    expect(late.replicaSeconds).toBeLessThanOrEqual(2 * prompt.replicaSeconds);
    expect(late.finalReplicas).toBeLessThanOrEqual(5);
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import type { Arrivals } from '../../simulation/arrivals.ts';
import { STORM_LOAD, STORM_SECONDS, stormArrivals, stormPlan } from '../../simulation/storm/plan.ts';
import { TIMES } from '../../simulation/storm/world.ts';
import { FaultRefused } from '../faults/injector.ts';
import { loadOf, openLoop } from './load.ts';
import type { Scenario, ScenarioContext } from './scenario.ts';

export interface StormOptions {
  seed: number;
  /** Default 30. */
  minutes?: number | undefined;
  /** The user's own instead of generated ones. */
  arrivals?: Arrivals | undefined;
}

/**
 * Half an hour of bursty arrivals while EC2 takes a spot instance back every three minutes and twice has none to give for four
 * minutes: the same storm as `paddock simulate --scenario spot-storm` plays.
 */
export function spotStorm({ seed, minutes, arrivals }: StormOptions): Scenario {
  const seconds = minutes === undefined ? STORM_SECONDS : minutes * 60;
  const plan = stormPlan(seed, seconds);
  const load = loadOf(arrivals ?? stormArrivals(seed, seconds)).filter(
    ({ offsetSeconds }) => offsetSeconds < seconds,
  );
  return {
    name: 'spot-storm',
    description:
      '30 min of bursts; a spot instance is taken back every 3 min, twice there is no spot capacity for 4 min',
    total: load.length,
    singlePool: false,
    // As the simulation: with the CPU preset two replicas are always on-demand, and there is less to be seen.
    preset: 'gpu',
    defaults: {
      ...(arrivals ? {} : { serviceSeconds: STORM_LOAD.serviceSeconds }),
      ...{ slots: 4, bootSeconds: TIMES.boot, loadSeconds: TIMES.load },
    },
    async run(context) {
      const startedAt = Date.now();
      const at = (offset: number): Promise<void> => {
        const wait = startedAt + offset * 1000 - Date.now();
        return delay(Math.max(0, wait), undefined, { signal: context.signal });
      };
      const strikes = [
        ...plan.interruptions.map(async (one) => {
          await at(one.at);
          interruptOne(context, one.pick);
        }),
        ...plan.withoutCapacity.map(async ({ from, until }) => {
          await at(from);
          for (const pool of context.spotPools)
            context.faults.inject({ kind: 'ice', pool, forSeconds: until - from });
          context.say(`no spot capacity for ${Math.round(until - from)} s`);
        }),
      ];
      await Promise.all([openLoop(context, load), ...strikes]);
      await context.whenAllAnswered();
      await at(seconds);
    },
  };
}

/** One of all spot instances in service, if there is any. */
export function interruptOne({ faults, spotPools, say }: ScenarioContext, pick: number): void {
  const all = spotPools.flatMap((pool) =>
    faults.candidates('spot-interrupt', pool).map(({ id }) => ({ pool, id })),
  );
  const chosen = all[Math.floor(pick * all.length)];
  if (!chosen) {
    say('EC2 would take a spot instance back: there is none');
    return;
  }
  try {
    faults.inject({ kind: 'spot-interrupt', pool: chosen.pool, count: 1 }, (candidates) =>
      candidates.filter(({ id }) => id === chosen.id),
    );
    say(`EC2 takes ${chosen.id} of the pool ${chosen.pool} back in two minutes`);
  } catch (error) {
    if (!(error instanceof FaultRefused)) throw error;
  }
}

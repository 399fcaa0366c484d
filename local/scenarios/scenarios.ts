import { setTimeout as delay } from 'node:timers/promises';
import { BURST, BURST_BEGINS_SECONDS, BURST_SERVICE_SECONDS } from '../../simulation/burst.ts';
import { type Arrival, closedLoop, evenly, openLoop } from './load.ts';
import type { Scenario } from './scenario.ts';
import { sickNode } from './sick-node.ts';
import { spotStorm } from './spot-storm.ts';
import { warmUp } from './warm-up.ts';

export type { Scenario, ScenarioContext } from './scenario.ts';

const seedBenchmark: Scenario = {
  name: 'seed-benchmark',
  description: 'the original benchmark through the queue: 100 requests, concurrency 10',
  total: 100,
  singlePool: false,
  defaults: {},
  async run(context) {
    context.recorder.loadExceedsCapacity(Date.now());
    await closedLoop(context, { total: 100, concurrency: 10, promptTokens: 9, outputTokens: 40 });
  },
};

const burst: Scenario = {
  name: 'burst',
  description: 'open loop: 0.3/s, from second 60 5/s, from 120 2/s, from 300 0.1/s, until 480',
  total: 696,
  singlePool: true,
  defaults: {
    slots: 1,
    serviceSeconds: BURST_SERVICE_SECONDS,
    bootSeconds: 0,
    loadSeconds: 20,
    minReplicas: 1,
    maxReplicas: 20,
  },
  async run(context) {
    const startedAt = Date.now();
    const mark = delay(BURST_BEGINS_SECONDS * 1000, undefined, { signal: context.signal }).then(() =>
      context.recorder.loadExceedsCapacity(startedAt + BURST_BEGINS_SECONDS * 1000),
    );
    await Promise.all([mark, openLoop(context, evenly(BURST))]);
    await context.whenAllAnswered();
    const rest = startedAt + 480_000 - Date.now();
    if (rest > 0) await delay(rest, undefined, { signal: context.signal });
  },
};

const idleWake: Scenario = {
  name: 'idle-wake',
  description: 'the fleet sleeps at zero; one request arrives; repeated --times, over three minutes each',
  singlePool: true,
  defaults: {
    slots: 1,
    serviceSeconds: 1,
    bootSeconds: 0,
    loadSeconds: 5,
    minReplicas: 0,
    idleSeconds: 10,
    times: 20,
  },
  async run(context) {
    for (let round = 1; round <= context.times; round += 1) {
      // No fleet rests sooner (`SHORTEST_REST_SECONDS`).
      context.say(
        `round ${round} of ${context.times}: waiting for the fleet to sleep, three minutes after its last work`,
      );
      await context.whenAsleep();
      const submittedAt = Date.now();
      context.recorder.loadExceedsCapacity(submittedAt);
      await context.whenReadable(await context.submit({ promptTokens: 9, outputTokens: 40 }));
      await context.noteWake(submittedAt);
    }
  },
};

export const SCENARIOS: readonly Scenario[] = [
  seedBenchmark,
  burst,
  idleWake,
  warmUp,
  sickNode,
  spotStorm({ seed: 1 }),
];

/** A scenario that plays the user's own arrivals. */
export function arrivalsScenario(name: string, arrivals: readonly Arrival[]): Scenario {
  return {
    name,
    description: 'arrivals of your own, open loop',
    total: arrivals.length,
    singlePool: false,
    defaults: {},
    async run(context) {
      await openLoop(context, arrivals);
      await context.whenAllAnswered();
    },
  };
}

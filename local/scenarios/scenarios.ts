import { setTimeout as delay } from 'node:timers/promises';
import { BURST, BURST_BEGINS_SECONDS, BURST_SERVICE_SECONDS } from '../../simulation/burst.ts';
import { type Arrival, closedLoop, evenly, type LoadClient, openLoop } from './load.ts';
import type { Recorder } from './recorder.ts';

/** What a scenario's load may use; everything it sees is what a client or an operator would see. */
export interface ScenarioContext extends LoadClient {
  recorder: Recorder;
  /** Resolves when the fleet's workloads ask for no replica and no pod is left. */
  whenAsleep(): Promise<void>;
  /** Resolves when every submitted request has its result. */
  whenAllAnswered(): Promise<void>;
  times: number;
  /** Tells the person watching what is going on. */
  say(line: string): void;
}

export interface Scenario {
  name: string;
  description: string;
  /** How many requests it sends, if that is known beforehand. */
  total?: number;
  /** Run a fleet of one elastic on-demand pool instead of the preset's pools. */
  singlePool: boolean;
  /** Used where the user stated nothing else. */
  defaults: {
    slots?: number;
    serviceSeconds?: number;
    bootSeconds?: number;
    loadSeconds?: number;
    minReplicas?: number;
    maxReplicas?: number;
    idleSeconds?: number;
  };
  run(context: ScenarioContext): Promise<void>;
}

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
  description: 'the fleet sleeps at zero; one request arrives; repeated --times',
  singlePool: true,
  defaults: { slots: 1, serviceSeconds: 1, bootSeconds: 0, loadSeconds: 5, minReplicas: 0, idleSeconds: 10 },
  async run(context) {
    for (let round = 1; round <= context.times; round += 1) {
      context.say(`round ${round} of ${context.times}: waiting for the fleet to sleep`);
      await context.whenAsleep();
      context.recorder.loadExceedsCapacity(Date.now());
      await context.whenReadable(await context.submit({ promptTokens: 9, outputTokens: 40 }));
    }
  },
};

export const SCENARIOS: readonly Scenario[] = [seedBenchmark, burst, idleWake];

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

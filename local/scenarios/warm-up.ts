import { setTimeout as delay } from 'node:timers/promises';
import { WORKER_PORT } from '../../core/protocol/names.ts';
import { REQUEST_ID_HEADER } from '../../core/protocol/request.ts';
import type { Scenario, ScenarioContext } from './scenario.ts';

/** Of the queue; the replicas' slots are busy with it now and then, never for long. */
const SUBMIT_EVERY_MS = 250;
const KNOCK_EVERY_MS = 500;
/** A ready replica is knocked at as rarely; one that is not, each time. */
const KNOCK_READY_EVERY = 10;
const KNOCK_TIMEOUT_MS = 30_000;
/** Of the model servers, in each round: each so many-th restarts once all are warm. */
const RESTART_EACH = 4;
const RELOAD_SECONDS = 1;

/**
 * Shows that no request meets a cold replica: all replicas are replaced, round after round, while the queue is served, and
 * meanwhile somebody knocks at the door of every pod from the moment it has an address, and at the router's. The model servers
 * say whether any of it reached them before they were warm.
 */
export const warmUp: Scenario = {
  name: 'warm-up',
  description:
    'all replicas are replaced --times over under load, some model servers restart; none is to meet a request cold',
  singlePool: true,
  defaults: {
    ...{ slots: 2, serviceSeconds: 0.3, bootSeconds: 0, loadSeconds: 3, emptyDisks: true },
    ...{ minReplicas: 40, maxReplicas: 40, times: 5 },
  },
  async run(context) {
    const over = new AbortController();
    const signal = AbortSignal.any([context.signal, over.signal]);
    const load = [submitting(context, signal), new Knocker(context, signal).run()];
    try {
      await rounds(context);
    } finally {
      over.abort();
    }
    await Promise.all(load);
    await context.whenAllAnswered();
  },
};

async function rounds(context: ScenarioContext): Promise<void> {
  const seen = new Set<string>();
  for (let round = 1; round <= context.times; round += 1) {
    const isNew = () => context.pods().filter(({ uid, isReady }) => isReady && !seen.has(uid));
    const tell = () =>
      context.say(
        `round ${round} of ${context.times}: ${isNew().length} new replicas are warm, ${context.recorder.podsWarmed} in all`,
      );
    const untell = context.onPods(tell);
    await context.untilPods(() => isNew().length >= context.replicas);
    for (const [index, { name }] of isNew().entries()) {
      if (index % RESTART_EACH === 0) await context.restartModelServer(name, RELOAD_SECONDS);
    }
    // Those that restarted turn unready first.
    await delay((RELOAD_SECONDS + 5) * 1000, undefined, { signal: context.signal });
    await context.untilPods(() => isNew().length >= context.replicas);
    untell();
    for (const { uid } of context.pods()) seen.add(uid);
    if (round < context.times) await context.replacePods();
  }
}

async function submitting(context: ScenarioContext, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await context.submit({ promptTokens: 9, outputTokens: 5 });
    await delay(SUBMIT_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Asks every pod directly, ready or not, as a client would that knows no better; and the router. */
class Knocker {
  readonly #context: ScenarioContext;
  readonly #signal: AbortSignal;
  readonly #under = new Set<string>();
  #number = 0;

  constructor(context: ScenarioContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    for (let turn = 0; !this.#signal.aborted; turn += 1) {
      for (const [index, { uid, ip, isReady }] of this.#context.pods().entries()) {
        if (ip === undefined || (isReady && (turn + index) % KNOCK_READY_EVERY !== 0)) continue;
        this.#knock(uid, `http://${ip}:${WORKER_PORT}`);
      }
      for (const url of this.#context.routers()) this.#knock(url, url);
      await delay(KNOCK_EVERY_MS, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  /** One at a time at each door; whatever is answered is fine. */
  #knock(door: string, url: string): void {
    if (this.#under.has(door)) return;
    this.#under.add(door);
    this.#number += 1;
    const { model } = this.#context;
    fetch(`${url}/api/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', [REQUEST_ID_HEADER]: `knock-${this.#number}` },
      body: JSON.stringify({ model, prompt: 'Anybody there?', stream: false, options: { num_predict: 1 } }),
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(KNOCK_TIMEOUT_MS)]),
    })
      .then(async (answer) => {
        await answer.arrayBuffer();
        this.#context.recorder.knocked(answer.ok);
      })
      .catch(() => this.#context.recorder.knocked(false))
      .finally(() => this.#under.delete(door));
  }
}

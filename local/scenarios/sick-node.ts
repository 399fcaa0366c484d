import { setTimeout as delay } from 'node:timers/promises';
import type { FleetPod } from '../system/fleet-watch.ts';
import type { Scenario, ScenarioContext } from './scenario.ts';

const SUBMIT_EVERY_MS = 500;

/**
 * Shows what becomes of a pod that can't be warmed: from some time on no model fits on the disks of one node. The pod there is
 * tried again with pauses, replaced, and when the one after it fails as well, the node is; the other replicas serve meanwhile.
 */
export const sickNode: Scenario = {
  name: 'sick-node',
  description:
    'no model fits on the disks of one node any more: its pod is tried again, then replaced, then the node is; the others serve',
  singlePool: true,
  defaults: {
    ...{ slots: 2, serviceSeconds: 0.3, bootSeconds: 1, loadSeconds: 1, emptyDisks: true },
    ...{ minReplicas: 3, maxReplicas: 3 },
  },
  async run(context) {
    const over = new AbortController();
    const load = submitting(context, AbortSignal.any([context.signal, over.signal]));
    try {
      await throughIt(context);
    } finally {
      over.abort();
    }
    await load;
    await context.whenAllAnswered();
  },
};

async function throughIt(context: ScenarioContext): Promise<void> {
  const { recorder } = context;
  const [victim] = context.pods().filter(({ isReady }) => isReady);
  const node = victim?.node;
  if (!victim || node === undefined) throw new Error('No replica is ready.');
  const seen = new Set([victim.uid]);
  const next = (): FleetPod | undefined =>
    context.pods().find((pod) => pod.node === node && !seen.has(pod.uid));
  context.leaveNoRoom(node);
  await context.deletePod(victim.name);
  for (const stage of ['a pod that can not be warmed', 'another in its place']) {
    await context.untilPods(() => next() !== undefined);
    seen.add(next()?.uid ?? '');
    recorder.reached(stage, Date.now());
    context.say(`${stage}, on the same node`);
  }
  await context.untilPods(() => context.pods().every((pod) => pod.node !== node));
  recorder.reached('the node is given up', Date.now());
  context.say('the node is given up');
  await context.untilPods(() => context.pods().filter(({ isReady }) => isReady).length >= context.replicas);
  recorder.reached('all are warm', Date.now());
}

async function submitting(context: ScenarioContext, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await context.submit({ promptTokens: 9, outputTokens: 5 });
    await delay(SUBMIT_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

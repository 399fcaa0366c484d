import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { LABEL, NAMESPACE } from '../../../core/protocol/names.ts';
import type { Verdict } from '../../../core/protocol/verdict.ts';
import type { TickResult } from '../../../functions/scaler/tick.ts';
import { functionNamed } from '../../../local/system/from-template.ts';
import { FLEET, MAX_REPLICAS } from './config.ts';
import type { TestSystem } from './fixture.ts';

/** A tick without a state machine, as of an execution that dies after it: the lease is left to run out. */
export async function tick(
  t: TestSystem,
  execution: string,
): Promise<{ result?: TickResult; error?: string }> {
  const event = { fleet: FLEET, trigger: 'manual', execution, startedAt: new Date().toISOString() };
  const answer = await t.system.lambda.invoke(t.system.scalerName, event);
  if ('functionError' in answer) return { error: answer.payload.errorMessage };
  return { result: answer.payload as TickResult };
}

/** What the health check says now. */
export async function verdictOf(t: TestSystem): Promise<Verdict> {
  const name = functionNamed(t.system.app, 'Healthcheck');
  const answer = await t.system.lambda.invoke(name, { duty: 'verdict' });
  if ('functionError' in answer) throw new Error(answer.payload.errorMessage);
  return answer.payload as Verdict;
}

/** Which instance each of the fleet's pods is on. */
async function instancesByPod(t: TestSystem): Promise<Map<string, string>> {
  const config = new KubeConfig();
  config.loadFromFile(t.system.cluster.kubeconfigPath);
  const labelSelector = `${LABEL.fleet}=${FLEET}`;
  const { items } = await config
    .makeApiClient(CoreV1Api)
    .listNamespacedPod({ namespace: NAMESPACE, labelSelector });
  const instances = new Map([...t.group.instances.values()].map(({ nodeName, id }) => [nodeName, id]));
  return new Map(
    items.map(({ metadata, spec }) => [metadata?.name ?? '', instances.get(spec?.nodeName ?? '') ?? 'none']),
  );
}

/** Load until the fleet is at its maximum, and the load's end in sight: soon it would shrink. */
export async function loadToTheMaximum(t: TestSystem): Promise<string[]> {
  const load: string[] = [];
  for (let isAtMaximum = false; !isAtMaximum; ) {
    const plans = t.seen.plans.length;
    const more = await t.submit(20);
    load.push(...more);
    await t.until('the maximum, or half of the answers', () => {
      // A drain under way shows late in the pods: a plan that has seen the load tells whether all are there to stay.
      const { wanted, numbers } = t.seen.plans.slice(plans).at(-1)?.plan ?? {};
      isAtMaximum = t.isSettledAt(MAX_REPLICAS) && wanted === MAX_REPLICAS && numbers?.draining === 0;
      return isAtMaximum || more.filter((id) => t.isWritten(id)).length > 10;
    });
  }
  await t.until('the end of the load', () => load.filter((id) => !t.isWritten(id)).length <= MAX_REPLICAS);
  return load;
}

/** What happens from now on, and that nothing of it takes capacity away. */
export function watchForShrinking(t: TestSystem): () => void {
  const [calls, sizes, plans] = [t.seen.capacity.length, t.seen.desired.length, t.seen.plans.length];
  const had = { replicas: t.pool.desired, nodes: t.group.desiredCapacity };
  return () => {
    const isShrinking = (call: (typeof t.seen.capacity)[number]): boolean =>
      call.kind === 'terminate' || call.desired < had.nodes;
    expect(t.seen.capacity.slice(calls).filter(isShrinking)).toEqual([]);
    expect(t.seen.desired.slice(sizes).filter((replicas) => replicas < had.replicas)).toEqual([]);
    const kinds = t.seen.plans.slice(plans).flatMap(({ plan }) => plan.commands.map(({ kind }) => kind));
    expect(kinds).not.toContain('drain');
    expect(t.pool).toMatchObject({ desired: had.replicas, draining: 0 });
  };
}

/** Waits for the minimum: one replica, its own node alone is left of all, and no request was cut off on the way. */
export async function expectMinimum(t: TestSystem): Promise<void> {
  await t.whenSettledAt(1);
  const live = [...t.group.instances.values()].filter(({ state }) => state !== 'Terminating');
  expect(live.map(({ id }) => id)).toEqual([...(await instancesByPod(t)).values()]);
  expect(t.cutOffs()).toEqual([]);
}

/**
 * Begun while the fleet is at its maximum. What it returns waits for the minimum: those who left were drained, were not
 * cut off, and took exactly their own nodes with them.
 */
export async function watchScaleIn(t: TestSystem): Promise<() => Promise<void>> {
  const pods = await instancesByPod(t);
  const [calls, plans] = [t.seen.capacity.length, t.seen.plans.length];
  return async () => {
    await expectMinimum(t);
    const commands = t.seen.plans.slice(plans).flatMap(({ plan }) => plan.commands);
    const drained = commands.flatMap((command) => (command.kind === 'drain' ? command.replica : []));
    expect(drained).toHaveLength(MAX_REPLICAS - 1);
    const terminated = t.seen.capacity
      .slice(calls)
      .flatMap((call) => (call.kind === 'terminate' && call.ok ? call.instanceId : []));
    expect(terminated.sort()).toEqual(drained.map((pod) => pods.get(pod)).sort());
  };
}

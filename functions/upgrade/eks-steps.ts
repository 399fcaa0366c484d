import { type AddonState, ailmentsOf, type NodegroupState } from '../../core/upgrade/inventory.ts';
import { minorsBetween } from '../../core/upgrade/versions.ts';
import type { UpgradeDependencies } from './dependencies.ts';
import type { StepState, UpgradeEvent } from './event.ts';
import { markPools } from './marks.ts';
import { newState, type StepResult } from './result.ts';

/** EKS takes minutes for a control plane and a node; asking more often tells nothing. */
const WAIT_SECONDS = 20;
/** Replicas that were moved have to be warm again in this time. */
const WARM_SECONDS = 1800;

const wait = (say: string, state: StepState): StepResult => ({
  ...{ outcome: 'wait', say, waitSeconds: WAIT_SECONDS, state },
});
const done = (say: string, state: StepState): StepResult => ({
  ...{ outcome: 'done', say, waitSeconds: 1, state: { ...state, current: '' } },
});
const failed = (say: string, state: StepState): StepResult => ({
  ...{ outcome: 'failed', say, waitSeconds: 1, state },
});
const call = (say: string, state: StepState, what: Record<string, string>): StepResult => ({
  ...{ outcome: 'call', say, waitSeconds: WAIT_SECONDS, state, call: what },
});

/** What became of the call that the state machine made last. Undefined: EKS has done it. */
async function pending(
  event: UpgradeEvent,
  { eks }: UpgradeDependencies,
  state: StepState,
  nodegroup?: string,
): Promise<StepResult | 'again' | 'nothing-to-do' | undefined> {
  const { id, Error: error, Cause: cause = '' } = event.update ?? {};
  if (error !== undefined) {
    // Something else is under way, or EKS is busy: it is asked anew.
    if (/ResourceInUse|Throttl|ServerException|ServiceUnavailable/.test(error)) return 'again';
    if (/already|no update|up.to.date/i.test(cause)) return 'nothing-to-do';
    return failed(`EKS refused: ${error}: ${cause}`, state);
  }
  if (id === undefined) return undefined;
  const update = await eks.update(id, nodegroup);
  if (update?.status === 'InProgress') return wait(`EKS works on ${state.current}`, state);
  if (update?.status === 'Failed' || update?.status === 'Cancelled')
    return failed(
      `EKS could not update ${state.current}: ${update.errors.join('; ') || update.status}`,
      state,
    );
  return undefined;
}

/** Brings the control plane to the plan's version. */
export async function controlPlane(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  return bringControlPlane(event, deps, event.plan?.to ?? '');
}

async function bringControlPlane(
  event: UpgradeEvent,
  deps: UpgradeDependencies,
  version: string,
): Promise<StepResult> {
  const state = event.state ?? newState();
  const cluster = await deps.eks.cluster();
  if (cluster.status === 'UPDATING') return wait(`EKS brings the control plane to ${version}`, state);
  const name = `the control plane, to ${version}`;
  if (state.current === name) {
    const answer = await pending(event, deps, state);
    if (typeof answer === 'object') return answer;
    if (answer === undefined && cluster.version !== version)
      return wait(`EKS brings the control plane to ${version}`, state);
  }
  if (cluster.version === version)
    return done(`the control plane has ${version}`, finish(state, 'control-plane'));
  return call(
    `the control plane: ${cluster.version} → ${version}`,
    { ...state, current: name },
    {
      kind: 'cluster',
      version,
    },
  );
}

/** Add-ons that do not fit the new version get the newest that does; the others stay. */
export async function addons(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  const state = event.state ?? newState();
  const all = await deps.eks.addons(event.plan?.to ?? '');
  for (const addon of all) {
    const step = `addon-${addon.name}`;
    if (state.finished.includes(step)) continue;
    if (addon.status === 'UPDATING') return wait(`EKS updates the add-on ${addon.name}`, state);
    const broken = addonTrouble(addon);
    if (state.current === step) {
      const answer = await pending({ ...event, update: { ...event.update, id: undefined } }, deps, state);
      if (typeof answer === 'object') return answer;
      if (broken) return failed(broken, state);
    }
    if (addon.fitting.includes(addon.version))
      return wait1(`the add-on ${addon.name} fits`, finish(state, step));
    const to = addon.fitting[0];
    if (to === undefined) return failed(`no version of the add-on ${addon.name} fits`, state);
    const say = `the add-on ${addon.name}: ${addon.version} → ${to}`;
    return call(say, { ...state, current: step }, { kind: 'addon', addonName: addon.name, version: to });
  }
  return done('every add-on fits', state);
}

const addonTrouble = ({ name, status }: AddonState): string | undefined =>
  /FAILED|DEGRADED/.test(status) ? `the add-on ${name} is ${status}` : undefined;

/** Waits, and looks whether the system stays healthy, before any node changes. */
export async function bake(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  const before = event.state ?? newState();
  const state = { ...before, since: before.since || deps.now(), current: 'bake' };
  const { health } = event;
  if (health && health.verdict !== 'healthy')
    return failed(`the system is ${health.verdict} on the new control plane: ${ailmentsOf(health)}`, state);
  const left = deps.config.bakeSeconds - (deps.now() - state.since);
  if (left > 0)
    return {
      ...wait(`bakes for ${Math.ceil(left / 60)} more min`, state),
      waitSeconds: Math.max(1, Math.min(60, Math.round(left))),
    };
  return done('the system stayed healthy', { ...finish(state, 'bake'), since: 0 });
}

/** Node groups one by one. Each ends with AZRebalance suspended again and every replica warm. */
export async function nodes(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  const state = event.state ?? newState();
  const { plan, execution } = event;
  if (!plan) return done('no plan', state);
  for (const { name } of deps.config.fleets)
    await markPools(deps, execution, await deps.rollouts.read(name), '', 'canary');
  const [groups, scaling, cluster] = await Promise.all([
    deps.eks.nodegroups(),
    deps.nodeGroups.list(deps.config.cluster),
    deps.eks.cluster(),
  ]);
  for (const name of plan.nodegroups) {
    if (state.finished.includes(`nodes-${name}`)) continue;
    const group = groups.find((one) => one.name === name);
    const autoScalingGroupName = scaling.find(({ nodegroup }) => nodegroup === name)?.autoScalingGroupName;
    // Deleted in the meantime: nothing is left to do.
    if (!group || autoScalingGroupName === undefined)
      return wait1(`${name} is gone`, finish(state, `nodes-${name}`));
    return oneGroup({ event, deps, state, group, autoScalingGroupName, version: cluster.version });
  }
  return done('every node group is new', state);
}

interface OneGroup {
  event: UpgradeEvent;
  deps: UpgradeDependencies;
  state: StepState;
  group: NodegroupState;
  autoScalingGroupName: string;
  /** The control plane's. */
  version: string;
}

async function oneGroup({
  event,
  deps,
  state,
  group,
  autoScalingGroupName,
  version,
}: OneGroup): Promise<StepResult> {
  const { name } = group;
  const to = event.plan?.request.target === 'nodes' ? event.plan.to : 'latest';
  const suspend = { kind: 'suspend', autoScalingGroupName };
  if (state.current === `settle ${name}`) return settle(deps, state, name);
  if (state.current === `failed ${name}`)
    return failed(state.why ?? `${name} failed`, { ...state, current: '' });
  if (group.status === 'UPDATING') return wait(`EKS replaces the nodes of ${name}`, state);
  const isNew = to === 'latest' ? isAhead(group, version, event) : group.release === to;
  if (state.current === name) {
    const answer = await pending(event, deps, state, name);
    if (answer !== 'again' && typeof answer === 'object') {
      if (answer.outcome === 'wait') return answer;
      return call(answer.say, { ...state, current: `failed ${name}`, why: answer.say }, suspend);
    }
    if (answer !== 'again')
      return call(
        `the nodes of ${name} are new`,
        { ...state, current: `settle ${name}`, since: deps.now() },
        suspend,
      );
  } else if (isNew) return wait1(`the nodes of ${name} are new`, finish(state, `nodes-${name}`));
  const say = `the nodes of ${name}: ${group.release} → ${to}`;
  const release = to === 'latest' ? {} : { release: to };
  return call(
    say,
    { ...state, current: name },
    {
      ...{
        kind: to === 'latest' ? 'nodes' : 'nodes-release',
        nodegroupName: name,
        autoScalingGroupName,
        version,
      },
      ...release,
    },
  );
}

/** Of a Kubernetes upgrade the version tells; whether a release is the latest, only EKS knows when it is asked. */
const isAhead = (group: NodegroupState, version: string, { plan }: UpgradeEvent): boolean =>
  plan?.request.target === 'kubernetes' && minorsBetween(group.version, version) === 0;

/** The replicas that were moved are warm again. */
async function settle(deps: UpgradeDependencies, state: StepState, name: string): Promise<StepResult> {
  const cold: string[] = [];
  for (const fleet of deps.config.fleets) {
    const { workloads, pods } = await deps.rollouts.read(fleet.name);
    for (const { pool, replicas } of workloads) {
      const ready = pods.filter(
        (pod) => pod.pool === pool && !pod.isCanary && pod.isReady && !pod.isTerminating,
      );
      if (ready.length < replicas) cold.push(`${fleet.name}-${pool} ${ready.length} of ${replicas}`);
    }
  }
  if (cold.length === 0) return wait1(`${name}: every replica is warm`, finish(state, `nodes-${name}`));
  if (deps.now() - state.since > WARM_SECONDS)
    return failed(
      `after the nodes of ${name} were replaced, replicas do not get warm: ${cold.join(', ')}`,
      state,
    );
  return wait(`${name}: waits for replicas to be warm: ${cold.join(', ')}`, state);
}

/** A control plane goes back as long as no node is newer. */
export async function backEks(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  const state = event.state ?? newState();
  const { plan } = event;
  if (plan?.request.target !== 'kubernetes') return done('nodes stay as they are', state);
  const newer = (await deps.eks.nodegroups()).filter(
    ({ version }) => (minorsBetween(plan.from, version) ?? 1) > 0,
  );
  if (newer.length > 0)
    return failed(
      `nodes are newer already (${newer.map(({ name }) => name).join(', ')}): they have to go back first, by hand; or start the upgrade again, which completes it`,
      state,
    );
  return bringControlPlane(event, deps, plan.from);
}

const finish = (state: StepState, step: string): StepState => ({
  ...state,
  current: '',
  since: 0,
  finished: [...new Set([...state.finished, step])],
});

const wait1 = (say: string, state: StepState): StepResult => ({ ...wait(say, state), waitSeconds: 1 });

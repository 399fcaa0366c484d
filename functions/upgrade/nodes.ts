import type { NodegroupState } from '../../core/upgrade/inventory.ts';
import { minorOf, minorsBetween } from '../../core/upgrade/versions.ts';
import type { UpgradeDependencies } from './dependencies.ts';
import { call, done, failed, finish, goOn, pending, wait } from './eks-answers.ts';
import type { StepState, UpgradeEvent } from './event.ts';
import { markPools } from './marks.ts';
import { newState, type StepResult } from './result.ts';

/** Replicas that were moved have to be warm again in this time. */
const WARM_SECONDS = 1800;

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
      return goOn(`${name} is gone`, finish(state, `nodes-${name}`));
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
  if (group.status === 'UPDATING') return wait(deps, `EKS replaces the nodes of ${name}`, state);
  const isNew = to === 'latest' ? isAhead(group, version, event) : group.release === to;
  if (state.current === name) {
    const answer = await pending(event, deps, state, name);
    if (answer !== 'again' && typeof answer === 'object') {
      if (answer.outcome === 'wait') return answer;
      return call(deps, answer.say, { ...state, current: `failed ${name}`, why: answer.say }, suspend);
    }
    if (answer !== 'again')
      return call(
        deps,
        `the nodes of ${name} are new`,
        { ...state, current: `settle ${name}`, since: deps.now() },
        suspend,
      );
  } else if (isNew) return goOn(`the nodes of ${name} are new`, finish(state, `nodes-${name}`));
  const say = `the nodes of ${name}: ${group.release} → ${to}`;
  const release = to === 'latest' ? {} : { release: to };
  return call(
    deps,
    say,
    { ...state, current: name },
    {
      ...{
        kind: to === 'latest' ? 'nodes' : 'nodes-release',
        nodegroupName: name,
        autoScalingGroupName,
        // A release of an older minor version: the nodes go back, before their control plane does.
        version: minorOf(to) ?? version,
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
  if (cold.length === 0) return goOn(`${name}: every replica is warm`, finish(state, `nodes-${name}`));
  if (deps.now() - state.since > WARM_SECONDS)
    return failed(
      `after the nodes of ${name} were replaced, replicas do not get warm: ${cold.join(', ')}`,
      state,
    );
  return wait(deps, `${name}: waits for replicas to be warm: ${cold.join(', ')}`, state);
}

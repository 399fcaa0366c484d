import { type AddonState, ailmentsOf } from '../../core/upgrade/inventory.ts';
import { minorsBetween } from '../../core/upgrade/versions.ts';
import type { UpgradeDependencies } from './dependencies.ts';
import { call, done, failed, finish, goOn, pending, wait } from './eks-answers.ts';
import type { UpgradeEvent } from './event.ts';
import { newState, type StepResult } from './result.ts';

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
  if (cluster.status === 'UPDATING') return wait(deps, `EKS brings the control plane to ${version}`, state);
  // Whatever became of the call, or of its answer.
  if (cluster.version === version)
    return done(`the control plane has ${version}`, finish(state, 'control-plane'));
  const name = `the control plane, to ${version}`;
  if (state.current === name) {
    const answer = await pending(event, deps, state);
    if (typeof answer === 'object') return answer;
    if (answer === undefined) return wait(deps, `EKS brings the control plane to ${version}`, state);
  }
  return call(
    deps,
    `the control plane: ${cluster.version} → ${version}`,
    { ...state, current: name },
    {
      kind: 'cluster',
      version,
    },
  );
}

/** Add-ons that do not fit the new version get the newest that does, and the old one if there is such; the others stay. */
export async function addons(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  const state = event.state ?? newState();
  const { from = '', to: version = '' } = event.plan ?? {};
  const all = await deps.eks.addons(version, from);
  for (const addon of all) {
    const step = `addon-${addon.name}`;
    if (state.finished.includes(step)) continue;
    if (addon.status === 'UPDATING') return wait(deps, `EKS updates the add-on ${addon.name}`, state);
    const broken = addonTrouble(addon);
    if (state.current === step) {
      const answer = await pending({ ...event, update: { ...event.update, id: undefined } }, deps, state);
      if (typeof answer === 'object') return answer;
      if (broken) return failed(broken, state);
    }
    if (addon.fitting.includes(addon.version))
      return goOn(`the add-on ${addon.name} fits`, finish(state, step));
    const to = addon.fitting[0];
    if (to === undefined) return failed(`no version of the add-on ${addon.name} fits`, state);
    const say = `the add-on ${addon.name}: ${addon.version} → ${to}`;
    return call(
      deps,
      say,
      { ...state, current: step },
      { kind: 'addon', addonName: addon.name, version: to },
    );
  }
  return done('every add-on fits', state);
}

const addonTrouble = ({ name, status }: AddonState): string | undefined =>
  /FAILED|DEGRADED/.test(status) ? `the add-on ${name} is ${status}` : undefined;

/** A control plane does not go back for what passes by itself, as a reading that fails once: degraded for so long is enough. */
const DEGRADED_SECONDS = 180;

/** Waits, and looks whether the system stays healthy, before any node changes. Without a verdict it looks again. */
export async function bake(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  const before = event.state ?? newState();
  const at = deps.now();
  const { health } = event;
  const ailingSince = health?.verdict === 'healthy' ? undefined : (before.ailingSince ?? (health && at));
  const state = { ...before, since: before.since || at, ailingSince, current: 'bake' };
  const ailingFor = at - (ailingSince ?? at);
  if (health?.verdict === 'unhealthy' || ailingFor >= DEGRADED_SECONDS) {
    const ailments = health
      ? `${health.verdict} on the new control plane: ${ailmentsOf(health)}`
      : 'degraded, and gives no verdict any more';
    return failed(`the system is ${ailments}`, state);
  }
  const left = Math.max(
    deps.config.bakeSeconds - (at - state.since),
    ailingSince === undefined ? 0 : DEGRADED_SECONDS - ailingFor,
  );
  if (left > 0)
    return {
      ...wait(deps, `bakes for ${Math.ceil(left / 60)} more min`, state),
      waitSeconds: Math.max(1, Math.min(60, Math.round(left))),
    };
  return done('the system stayed healthy', { ...finish(state, 'bake'), since: 0, ailingSince: undefined });
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

import type { RunningUpgrade } from '../../adapters/aws/upgrade-state.ts';
import { ConflictError } from '../../adapters/errors.ts';
import {
  kubernetesVersionParameter,
  modelParameter,
  ollamaImageParameter,
} from '../../core/protocol/upgrade.ts';
import { makePlan, type UpgradePlan } from '../../core/upgrade/plan.ts';
import { type Obstacle, obstacles } from '../../core/upgrade/preflight.ts';
import { isSameUpgrade, parseRequest } from '../../core/upgrade/request.ts';
import type { UpgradeDependencies } from './dependencies.ts';
import type { UpgradeEvent } from './event.ts';
import { readInventory } from './inventory.ts';
import { newState, type StepResult } from './result.ts';

/**
 * Understands what is asked, plans it, takes the cluster's lock and looks whether anything stands in the way. A refusal is an
 * answer, no error: it says all that is wrong at once, and leaves no lock behind.
 */
export async function begin(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  const parsed = parseRequest(event.request);
  if (!parsed.ok) return refused(parsed.problems);
  const { request } = parsed;
  const running = await deps.state.running();
  const resumes = running !== undefined && isSameUpgrade(running.request, request);
  const inventory = { ...(await readInventory(deps, request, event.health)), resumes };
  const planned = makePlan(request, inventory);
  if (!planned.ok) return refused(planned.problems);
  // Where a control plane came from, nothing else tells once it is new.
  const from = resumes && request.target === 'kubernetes' ? running.from : planned.plan.from;
  const plan = { ...planned.plan, from };

  const other = await otherUpgrade(deps, event, plan, running);
  const found = request.back ? [] : obstacles(plan, inventory);
  const all = [...(other.obstacle ? [other.obstacle] : []), ...found];
  if (request.dryRun) {
    const say = all.length === 0 ? 'nothing stands in the way' : listed(all);
    return { ...answer('plan-only', say), plan, obstacles: all };
  }
  if (all.length > 0) return { ...refused(all.map(worded)), plan, obstacles: all };
  try {
    await deps.state.take(lockOf(event, plan, deps.now()), other.ended);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    return refused(['another upgrade began at the same moment: see `paddock upgrade status`']);
  }
  return {
    ...answer('go', plan.summary),
    plan,
    record: recordOf(plan, deps.config.cluster),
    fleets: [...new Set(plan.changes.map(({ fleet }) => fleet))],
  };
}

/** Who else holds the lock. An execution that has ended holds nothing, however it ended; what it left is the next one's. */
async function otherUpgrade(
  { executions }: UpgradeDependencies,
  { execution }: UpgradeEvent,
  plan: UpgradePlan,
  running: RunningUpgrade | undefined,
): Promise<{ ended?: string; obstacle?: Obstacle }> {
  if (!running || running.holder === execution) return {};
  const name = running.holder.split(':').at(-1) ?? running.holder;
  if (await executions.isRunning(running.holder))
    return {
      obstacle: {
        rule: 'other-upgrade',
        text: `another upgrade runs: ${running.summary} (${name}, ${running.phase}: ${running.say})`,
        next: '`paddock upgrade status` shows how far it is, `paddock upgrade abort` takes it back',
      },
    };
  if (!isSameUpgrade(running.request, plan.request))
    return {
      obstacle: {
        rule: 'unfinished-upgrade',
        text: `an upgrade was left half-way: ${running.summary} (${name}, ${running.phase}: ${running.say})`,
        next: 'start the same again, which completes it, or take it back: `paddock upgrade abort`',
      },
    };
  return { ended: running.holder };
}

function lockOf({ execution, startedAt }: UpgradeEvent, plan: UpgradePlan, now: number): RunningUpgrade {
  const { request, summary, from, to, steps } = plan;
  return {
    ...{ holder: execution, request, summary, from, to, startedAt },
    updatedAt: now,
    phase: 'begin',
    say: 'nothing stands in the way',
    done: 0,
    total: steps.length,
  };
}

/** Where a deployment reads what the upgrade made. Nodes state nothing there: EKS keeps their release. */
function recordOf({ request, to, changes }: UpgradePlan, cluster: string): { name: string; value: string } {
  const [change] = changes;
  if (change?.model) return { name: modelParameter(cluster, change.fleet, change.model.served), value: to };
  if (request.target === 'kubernetes') return { name: kubernetesVersionParameter(cluster), value: to };
  return { name: ollamaImageParameter(cluster), value: to };
}

const worded = ({ text, next }: Obstacle): string => `${text}. ${next[0]?.toUpperCase()}${next.slice(1)}`;
const listed = (all: readonly Obstacle[]): string => all.map(worded).join('\n');
const answer = (outcome: StepResult['outcome'], say: string): StepResult => ({
  ...{ outcome, say, waitSeconds: 1 },
  state: newState(),
});
const refused = (problems: readonly string[]): StepResult => answer('refused', problems.join('\n'));

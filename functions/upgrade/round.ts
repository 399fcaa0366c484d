import type { RolloutPod } from '../../adapters/kubernetes/rollout.ts';
import { canonicalModel } from '../../core/protocol/model-names.ts';
import type { WorkloadChange } from '../../core/upgrade/plan.ts';
import { type Answer, addRound, type Tally } from '../../core/upgrade/tally.ts';
import { mapLimited } from '../shared/async.ts';
import type { UpgradeDependencies } from './dependencies.ts';
import type { Question } from './probe.ts';

/** Questions under way at one replica: what a small pool serves at a time. */
const PARALLEL = 2;
/** How long a question looks for a replica with a free slot. */
const PATIENCE_SECONDS = 10;
const PAUSE_MS = 250;

type Asked = Pick<RolloutPod, 'ip'>;

/**
 * Puts the golden prompts to what is new and to what serves, and adds the answers. Of several models each has its turn, with
 * its own answers to compare.
 */
export async function oneRound(
  deps: Pick<UpgradeDependencies, 'ask' | 'now' | 'config'>,
  { fleet, model }: WorkloadChange,
  before: Tally,
  pods: { canary: readonly Asked[]; rest: readonly Asked[] },
): Promise<Tally> {
  const { config } = deps;
  const models = config.fleets.find(({ name }) => name === fleet)?.models ?? [];
  const served = model?.served ?? models[before.rounds % Math.max(1, models.length)] ?? '';
  const named = (prompt: string): string => `${canonicalModel(served)}: ${prompt}`;
  const ask = async (side: readonly Asked[]): Promise<Answer[]> => {
    const answers = await askAll(deps, side, served, before.rounds);
    return answers.map((answer) => ({ ...answer, prompt: named(answer.prompt) }));
  };
  const [canary, rest] = await Promise.all([ask(pods.canary), ask(pods.rest)]);
  const golden = config.golden.map((one) => ({ ...one, name: named(one.name) }));
  return addRound(before, golden, { canary, rest });
}

/**
 * Asks the golden prompts. What finds no free slot in time is left out: whoever is busy serves others, and is not to blame.
 * @param turn which replica is asked first
 */
async function askAll(
  deps: Pick<UpgradeDependencies, 'ask' | 'now' | 'config'>,
  pods: readonly Asked[],
  model: string,
  turn: number,
): Promise<Answer[]> {
  const ips = pods.flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
  if (ips.length === 0) return [];
  const answers = await mapLimited([...deps.config.golden.entries()], PARALLEL, ([index, golden]) =>
    askOne(deps, ips, { ...golden, model }, turn + index),
  );
  return answers.flatMap((answer) => answer ?? []);
}

async function askOne(
  { ask, now }: Pick<UpgradeDependencies, 'ask' | 'now'>,
  ips: readonly string[],
  question: Question,
  turn: number,
): Promise<Answer | undefined> {
  const until = now() + PATIENCE_SECONDS;
  for (let attempt = 0; ; attempt += 1) {
    const answer = await ask(ips[(turn + attempt) % ips.length] as string, question);
    if (answer !== 'busy') return answer;
    if (now() >= until) return undefined;
    if ((attempt + 1) % ips.length === 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

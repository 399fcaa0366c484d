import type { RunningUpgrade } from '../../adapters/aws/upgrade-state.ts';
import { NotFoundError } from '../../adapters/errors.ts';
import type { UpgradePlan } from '../../core/upgrade/plan.ts';
import type { Obstacle } from '../../core/upgrade/preflight.ts';
import { parseRequest, type UpgradeRequest } from '../../core/upgrade/request.ts';
import { follow } from './follow.ts';
import type { Upgrades } from './open.ts';
import { endText, historyText, type Left, planText, progressLine, statusText } from './text.ts';

/** How the answer is wanted. */
export interface Wish {
  watch?: boolean | undefined;
  json?: boolean | undefined;
}

/** Exit codes: it was done, has begun, or can be done; it was refused, rolled back or stopped. */
const EXIT = { well: 0, ill: 1 } as const;
type Exit = (typeof EXIT)[keyof typeof EXIT];

/**
 * Parses what was given.
 * @throws Error that lists what is wrong with it
 */
export function requestOf(raw: UpgradeRequest): UpgradeRequest {
  const parsed = parseRequest(raw);
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.request;
}

/** Starts an upgrade, or has it only planned. */
export async function start(upgrades: Upgrades, request: UpgradeRequest, wish: Wish): Promise<Exit> {
  const arn = await upgrades.executions.start(request, new Date());
  return request.dryRun ? tellPlan(upgrades, arn, wish) : tell(upgrades, arn, request, wish);
}

async function tellPlan(upgrades: Upgrades, arn: string, { json }: Wish): Promise<Exit> {
  const execution = await follow(upgrades, arn);
  const { plan, obstacles = [] } = (execution.output ?? {}) as { plan?: UpgradePlan; obstacles?: Obstacle[] };
  const text = plan ? planText(plan, obstacles) : endText(execution, 'nothing');
  console.log(json ? JSON.stringify({ plan, obstacles, ...(!plan && { error: text }) }) : text);
  return plan && obstacles.length === 0 ? EXIT.well : EXIT.ill;
}

/** To the end with --watch; else until it has begun, so that a refusal is told at once. */
async function tell(
  upgrades: Upgrades,
  arn: string,
  { back }: UpgradeRequest,
  { watch, json }: Wish,
): Promise<Exit> {
  const execution = await follow(upgrades, arn, {
    until: () => !watch,
    onProgress: (running) => json || console.error(progressLine(running)),
  });
  // What an execution carried from step to step is nobody's business.
  const { output: _, ...told } = execution;
  if (json) console.log(JSON.stringify(told));
  else if (execution.status === 'RUNNING')
    console.log('It has begun. How far it is: paddock upgrade status (--watch follows it)');
  else if (execution.status === 'SUCCEEDED' && back) console.log('Taken back, everything is as it was.');
  else console.log(endText(execution, await leftOf(upgrades, arn)));
  return ['RUNNING', 'SUCCEEDED'].includes(execution.status) ? EXIT.well : EXIT.ill;
}

async function leftOf({ state }: Upgrades, arn: string): Promise<Left> {
  const [running, [last]] = await Promise.all([state.running(), state.history(1)]);
  if (running?.holder === arn) return 'half-way';
  return last?.holder === arn ? 'history' : 'nothing';
}

/** The upgrade that runs or was left half-way; else how the last one came out. */
export async function status(upgrades: Upgrades, { watch, json }: Wish): Promise<Exit> {
  const running = await upgrades.state.running();
  const execution = running && (await executionOf(upgrades, running.holder));
  if (watch && running && execution?.status === 'RUNNING')
    return tell(upgrades, running.holder, running.request, { watch, json });
  const [last] = running ? [] : await upgrades.state.history(1);
  const all = { running: running ?? null, execution: execution ?? null, last: last ?? null };
  console.log(json ? JSON.stringify(all) : statusText(running, execution, last));
  return EXIT.well;
}

/** Step Functions forgets executions after 90 days. */
async function executionOf({ executions }: Upgrades, arn: string) {
  try {
    return await executions.describe(arn);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** One that runs is asked to go back; what one that ended left half-way is taken back by an execution of its own. */
export async function abort(upgrades: Upgrades, wish: Wish): Promise<Exit> {
  const { state } = upgrades;
  const running = await state.running();
  if (!running) throw new Error('No upgrade runs, and none was left half-way.');
  const execution = await executionOf(upgrades, running.holder);
  if (execution?.status !== 'RUNNING') return start(upgrades, { ...running.request, back: true }, wish);
  await state.askToGoBack();
  if (!wish.json) console.error(`Asked to go back: ${running.summary}`);
  return wish.watch ? tellAborted(upgrades, running, wish) : tellAsked(wish);
}

function tellAsked({ json }: Wish): Exit {
  const next = 'It goes back at its next step. How far it is: paddock upgrade status (--watch follows it)';
  console.log(json ? JSON.stringify({ asked: true }) : next);
  return EXIT.well;
}

/** What was asked for is that it goes back: that is no failure here, and an upgrade that was quicker is one. */
async function tellAborted(
  upgrades: Upgrades,
  { holder, request }: RunningUpgrade,
  wish: Wish,
): Promise<Exit> {
  await tell(upgrades, holder, request, wish);
  const { status: ended, error } = await upgrades.executions.describe(holder);
  if (ended === 'SUCCEEDED' && !wish.json)
    console.error('It had ended before it heard. To go back, upgrade to the old version.');
  return error === 'UpgradeRolledBack' ? EXIT.well : EXIT.ill;
}

/** @param last how many */
export async function history({ state }: Upgrades, last: number, { json }: Wish): Promise<Exit> {
  const ended = await state.history(last);
  console.log(json ? JSON.stringify(ended) : historyText(ended));
  return EXIT.well;
}

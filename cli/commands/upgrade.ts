import { Command, Option } from 'commander';
import type { UpgradePlan } from '../../core/upgrade/plan.ts';
import type { Obstacle } from '../../core/upgrade/preflight.ts';
import { parseRequest, type Target, type UpgradeRequest } from '../../core/upgrade/request.ts';
import { wholeNumber } from '../numbers.ts';
import { follow } from '../upgrade/follow.ts';
import { openUpgrades, type UpgradeFlags, type Upgrades } from '../upgrade/open.ts';
import { endText, historyText, planText, progressLine, statusText } from '../upgrade/text.ts';

interface StartFlags extends UpgradeFlags {
  fleet?: string;
  dryRun?: boolean;
  watch?: boolean;
}

export function upgradeCommand(): Command {
  return new Command('upgrade')
    .description(
      'Upgrade Kubernetes, nodes, Ollama or a model: proved on a canary first, taken back by itself.',
    )
    .addCommand(
      startCommand('ollama', 'Another version of Ollama, on a canary, then replica by replica.').argument(
        '<version>',
        'a tag (0.18.0), or an image',
      ),
    )
    .addCommand(
      startCommand('model', 'Another model behind a name that a fleet serves.')
        .argument('<model>', 'the new model, or served=new where the fleet serves several')
        .option('--fleet <name>', 'which fleet (needed where there are several)'),
    )
    .addCommand(
      startCommand('nodes', "Another release of the nodes' image, node group by node group.")
        .argument('[release]', 'a release, or `latest`', 'latest')
        .option('--fleet <name>', 'only the node groups of this fleet'),
    )
    .addCommand(
      startCommand('kubernetes', 'The next minor version: control plane, add-ons, then nodes.').argument(
        '<version>',
        'such as 1.36',
      ),
    )
    .addCommand(command('status', 'The upgrade that runs, or was left half-way.').action(status))
    .addCommand(
      command('abort', 'Take the upgrade that runs, or was left half-way, back.')
        .option('--watch', 'follow it to its end')
        .action(abort),
    )
    .addCommand(
      command('history', 'What upgrades there were, and how they came out.')
        .option('--last <n>', 'how many', wholeNumber(1), 10)
        .action(history),
    )
    .addHelpText(
      'after',
      `
Examples:
  npm run paddock -- upgrade ollama 0.18.0 --dry-run
  npm run paddock -- upgrade ollama 0.18.0 --watch
  npm run paddock -- upgrade model llama3.1:8b=llama3.2:3b --fleet cpu --watch
  npm run paddock -- upgrade kubernetes 1.36 --aws --table PaddockControlPlane-TableXYZ --dry-run
  npm run paddock -- upgrade status
  npm run paddock -- upgrade abort --watch

Exit code: 0 when it was done (or began, without --watch; or can be done, with --dry-run), 1 when it was refused, rolled back or stopped.`,
    );
}

const command = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .option('--aws', 'in your AWS account instead of the local system')
    .addOption(
      new Option('--cluster <name>', 'with --aws: the cluster').env('PADDOCK_CLUSTER').default('paddock'),
    )
    .addOption(
      new Option('--table <name>', 'with --aws: the table (stack output TableName)').env('PADDOCK_TABLE'),
    )
    .option('--state-dir <dir>', 'where the local system keeps its state', '.paddock/local')
    .option('--json', 'one JSON object');

const startCommand = (target: Target, description: string): Command =>
  command(target, description)
    .option(
      '--dry-run',
      'only say what would be done, what stands in the way, and what can be undone until when',
    )
    .option('--watch', 'follow it to its end')
    .action((to: string, flags: StartFlags) => start(target, to, flags));

async function start(target: Target, to: string, flags: StartFlags): Promise<void> {
  const { fleet, dryRun } = flags;
  const parsed = parseRequest({
    target,
    to,
    ...(fleet !== undefined && { fleet }),
    ...(dryRun && { dryRun }),
  });
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  const upgrades = await openUpgrades(flags);
  const arn = await upgrades.executions.start(parsed.request, new Date());
  if (dryRun) return tellPlan(upgrades, arn, flags);
  await tell(upgrades, arn, flags);
}

async function tellPlan(upgrades: Upgrades, arn: string, { json }: StartFlags): Promise<void> {
  const execution = await follow(upgrades, arn);
  const { plan, obstacles = [] } = (execution.output ?? {}) as { plan?: UpgradePlan; obstacles?: Obstacle[] };
  process.exitCode = plan && obstacles.length === 0 ? 0 : 1;
  if (json) console.log(JSON.stringify({ plan, obstacles, ...(!plan && { error: endText(execution) }) }));
  else console.log(plan ? planText(plan, obstacles) : endText(execution));
}

/** To the end with --watch; else until it has begun, so that a refusal is told at once. */
async function tell(upgrades: Upgrades, arn: string, { watch, json }: StartFlags): Promise<void> {
  const execution = await follow(upgrades, arn, {
    until: () => !watch,
    onProgress: (running) => json || console.error(progressLine(running)),
  });
  const isWell = execution.status === 'SUCCEEDED' || (!watch && execution.status === 'RUNNING');
  process.exitCode = isWell ? 0 : 1;
  if (json) console.log(JSON.stringify(execution));
  else if (execution.status === 'RUNNING')
    console.log(`It has begun: ${arn}\nFollow it with: paddock upgrade status`);
  else console.log(endText(execution));
}

async function status(flags: UpgradeFlags): Promise<void> {
  const { state, executions } = await openUpgrades(flags);
  const running = await state.running();
  const execution = running && (await executions.describe(running.holder).catch(() => undefined));
  if (flags.json) console.log(JSON.stringify({ running: running ?? null, execution: execution ?? null }));
  else console.log(statusText(running, execution));
}

/** One that runs is asked to go back; what one that ended left half-way is taken back by an execution of its own. */
async function abort(flags: StartFlags): Promise<void> {
  const upgrades = await openUpgrades(flags);
  const { state, executions } = upgrades;
  const running = await state.running();
  if (!running) throw new Error('No upgrade runs, and none was left half-way.');
  const execution = await executions.describe(running.holder).catch(() => undefined);
  if (execution?.status === 'RUNNING') {
    await state.askToGoBack();
    if (!flags.json) console.error(`Asked to go back: ${running.summary}`);
    return tellAborted(upgrades, running.holder, flags);
  }
  const request: UpgradeRequest = { ...running.request, back: true };
  return tell(upgrades, await executions.start(request, new Date()), flags);
}

/** What was asked for is that it goes back: that is no failure here. */
async function tellAborted(upgrades: Upgrades, arn: string, flags: StartFlags): Promise<void> {
  await tell(upgrades, arn, flags);
  if (!flags.watch) return;
  const { error } = await upgrades.executions.describe(arn);
  process.exitCode = error === 'UpgradeRolledBack' ? 0 : 1;
}

async function history(flags: UpgradeFlags & { last: number }): Promise<void> {
  const ended = await (await openUpgrades(flags)).state.history(flags.last);
  if (flags.json) console.log(JSON.stringify(ended));
  else console.log(historyText(ended));
}

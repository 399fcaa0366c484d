import { Command, Option } from 'commander';
import type { Target } from '../../core/upgrade/request.ts';
import { DEFAULT_STATE_DIR } from '../../local/session.ts';
import { wholeNumber } from '../numbers.ts';
import { openUpgrades, type UpgradeFlags } from '../upgrade/open.ts';
import { abort, history, requestOf, start, status } from '../upgrade/run.ts';

type Open = typeof openUpgrades;

interface WatchFlags extends UpgradeFlags {
  watch?: boolean;
}
interface StartFlags extends WatchFlags {
  fleet?: string;
  dryRun?: boolean;
}

const WATCH = 'follow it to its end';

/** @param open finds the system that is asked */
export function upgradeCommand(open: Open = openUpgrades): Command {
  return new Command('upgrade')
    .description(
      'Upgrade Kubernetes, nodes, Ollama or a model; what proves no good stops or goes back by itself.',
    )
    .addCommand(
      startCommand(
        open,
        'ollama',
        'Another version of Ollama, on a canary, then replica by replica.',
      ).argument('<version>', 'a tag (0.18.0), or an image'),
    )
    .addCommand(
      startCommand(open, 'model', 'Another model behind a name that a fleet serves.')
        .argument('<model>', 'the new model, or served=new where the fleet serves several')
        .option('--fleet <name>', 'which fleet (needed where there are several)'),
    )
    .addCommand(
      startCommand(open, 'nodes', "Another release of the nodes' image, node group by node group.")
        .argument('[release]', 'a release, or `latest`', 'latest')
        .option('--fleet <name>', 'only the node groups of this fleet'),
    )
    .addCommand(
      startCommand(
        open,
        'kubernetes',
        'The next minor version: control plane, add-ons, then nodes.',
      ).argument('<version>', 'such as 1.36'),
    )
    .addCommand(
      command('status', 'The upgrade that runs, or was left half-way; else how the last one came out.')
        .option('--watch', WATCH)
        .action(async (flags: WatchFlags) => {
          process.exitCode = await status(await open(flags), flags);
        }),
    )
    .addCommand(
      command('abort', 'Take the upgrade that runs, or was left half-way, back.')
        .option('--watch', WATCH)
        .action(async (flags: WatchFlags) => {
          process.exitCode = await abort(await open(flags), flags);
        }),
    )
    .addCommand(
      command('history', 'What upgrades there were, and how they came out.')
        .option('--last <n>', 'how many', wholeNumber(1), 10)
        .action(async (flags: UpgradeFlags & { last: number }) => {
          process.exitCode = await history(await open(flags), flags.last, flags);
        }),
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

Ctrl-C ends the watching, not the upgrade: paddock upgrade status --watch goes on with it.

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
    .option('--state-dir <dir>', 'where the local system keeps its state', DEFAULT_STATE_DIR)
    .option('--json', 'one JSON object');

const startCommand = (open: Open, target: Target, description: string): Command =>
  command(target, description)
    .option(
      '--dry-run',
      'only say what would be done, what stands in the way, and what can be undone until when',
    )
    .option('--watch', WATCH)
    .action(async (to: string, flags: StartFlags) => {
      const { fleet, dryRun } = flags;
      const given = { target, to, ...(fleet !== undefined && { fleet }), ...(dryRun && { dryRun }) };
      const request = requestOf(given);
      process.exitCode = await start(await open(flags), request, flags);
    });

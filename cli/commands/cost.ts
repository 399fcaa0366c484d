import Table from 'cli-table3';
import { Command, Option } from 'commander';
import type { CostReport } from '../../core/cost/cost.ts';
import { tableStyle } from '../../local/table.ts';
import { addConnectOptions, type ConnectFlags, connect } from '../connect.ts';
import { durationUpTo } from '../duration.ts';

interface CostFlags extends ConnectFlags {
  last: number;
  json?: boolean;
}

const DAY_SECONDS = 86_400;
/** Plans are kept no longer. */
const LONGEST_DAYS = 14;

/** `paddock cost`: what a fleet's nodes have cost, spot and on-demand. */
export function costCommand(): Command {
  return addConnectOptions(
    new Command('cost')
      .description(
        "What the fleet's nodes have cost, by pool, and what the same nodes had cost all on-demand. By the configured prices; disks, traffic and the cluster itself come on top.",
      )
      .addOption(
        new Option(
          '--last <duration>',
          `how far back: 90s, 30m, 24h, 7d, at most the ${LONGEST_DAYS} days that plans are kept`,
        )
          .argParser(durationUpTo(LONGEST_DAYS))
          .default(DAY_SECONDS, '24h'),
      )
      .option('--json', 'one JSON object'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  npm run paddock -- cost\n  npm run paddock -- cost --last 30m --json\n  npm run paddock -- cost --aws --fleet cpu --table TABLE --last 7d',
    )
    .action(async (flags: CostFlags) => {
      const report = await readCost(connect(flags), flags.last);
      console.log(flags.json ? JSON.stringify(report) : costText(report));
    });
}

async function readCost(
  { fleet, cluster, table }: ReturnType<typeof connect>,
  seconds: number,
): Promise<CostReport> {
  // Imported after the connection is set: SDK clients read the environment when they are made.
  const [{ DynamoFleetState }, { SsmFleetParameters }, { costOf }] = await Promise.all([
    import('../../adapters/aws/fleet-state.ts'),
    import('../../adapters/aws/fleet-parameters.ts'),
    import('../../core/cost/cost.ts'),
  ]);
  const until = Date.now() / 1000;
  const from = until - seconds;
  const { policy } = await SsmFleetParameters.forCommand(`/paddock/${cluster}/fleets/`).read(fleet);
  const records = await DynamoFleetState.forCommand(table).plansSince(fleet, from);
  const samples = records.flatMap(({ plan: { at, nodesByPool } }) =>
    nodesByPool ? [{ at, nodesByPool }] : [],
  );
  if (samples.length === 0) {
    throw new Error(
      `No tick of the fleet '${fleet}' in that time has told its nodes: wait for one (a minute at most), or look further back with --last.`,
    );
  }
  return costOf(samples, policy.pools, from, until);
}

export function costText(report: CostReport): string {
  const table = new Table({
    head: ['pool', 'capacity', 'node-hours', 'dollars'],
    colAligns: ['left', 'left', 'right', 'right'],
    style: tableStyle(),
  });
  const { dollars, allOnDemandDollars, saving, from, until, unseenSeconds } = report;
  // Of minutes on this machine cents would be nothing.
  const digits = allOnDemandDollars < 1 ? 4 : 2;
  for (const row of report.pools)
    table.push([
      ...[row.pool, row.capacityType],
      ...[(row.nodeSeconds / 3600).toFixed(digits), row.dollars.toFixed(digits)],
    ]);
  return [
    `${from} to ${until}`,
    table.toString(),
    `$${dollars.toFixed(digits)}, all on-demand $${allOnDemandDollars.toFixed(digits)}: ${Math.round(saving * 100)}% saved`,
    ...(unseenSeconds > 0
      ? [`No tick looked for ${unseenSeconds} s of it: the nodes seen last are taken to have stayed.`]
      : []),
  ].join('\n');
}

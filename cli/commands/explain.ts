import { Command } from 'commander';
import { addConnectOptions, type ConnectFlags, connect } from '../connect.ts';
import { explainTick, isQuiet, tellTicks } from '../explain-text.ts';
import { wholeNumber } from '../numbers.ts';

interface ExplainFlags extends ConnectFlags {
  last: number;
  all?: boolean;
  json?: boolean;
}

/** Ticks that changed nothing are read past, and what goes on is followed back, up to this many. */
const LOOK_BACK = 500;

export function explainCommand(): Command {
  return addConnectOptions(
    new Command('explain')
      .description(
        'Why did it scale? The last ticks, each with its reasons, its numbers and what became of it.',
      )
      .option('--last <n>', 'how many ticks', wholeNumber(1), 5)
      .option('--all', 'also ticks that changed nothing')
      .option('--json', 'one JSON object per tick'),
  )
    .addHelpText(
      'after',
      `
Examples:
  npm run paddock -- explain
  npm run paddock -- explain --last 20 --all
  npm run paddock -- explain --aws --fleet cpu --table PaddockControlPlane-TableXYZ --json`,
    )
    .action(async (flags: ExplainFlags) => {
      const { fleet, table, where } = connect(flags);
      // Imported after the connection is set: SDK clients read the environment when they are made.
      const { DynamoFleetState } = await import('../../adapters/aws/fleet-state.ts');
      const state = DynamoFleetState.forCommand(table);
      const records = await state.recentPlans(fleet, Math.max(flags.last, LOOK_BACK));
      const ticks = tellTicks(records.toReversed())
        .filter((tick) => flags.all || !isQuiet(tick))
        .slice(-flags.last);
      if (flags.json) {
        for (const { record } of ticks) console.log(JSON.stringify(record));
      } else if (ticks.length === 0) {
        console.log(
          records.length === 0
            ? `The fleet '${fleet}' (${where}) has no stored ticks yet.`
            : `None of the last ${records.length} ticks of '${fleet}' changed anything; --all shows them.`,
        );
      } else {
        console.log(ticks.map(explainTick).join('\n\n'));
      }
    });
}

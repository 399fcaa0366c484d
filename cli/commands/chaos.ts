import { resolve } from 'node:path';
import { Command } from 'commander';
import type { ChaosRunOptions } from '../../local/chaos/chaos.ts';
import { above, wholeNumber } from '../numbers.ts';

const DETAILS = `
Faults: workers SIGKILLed in mid-request, pods evicted, nodes lost, messages delivered twice and out of order, SQS and S3
throttled, failing, or done with the answer lost, API server restarts, ticks killed. When they stop, everything must come to its end.

It holds when every accepted request ended once and for good, completed or failed with a reason, the queue is empty, and each kind
of fault happened. Exit code 0 only then; else what was seen of up to ten requests is printed, and the seed to see it again.

Examples:
  $ npm run paddock -- chaos                                   10,000 requests
  $ npm run paddock -- chaos --requests 500 --seed 7           a short one, with another plan
  $ npm run paddock -- chaos --requests 10000 --seed 1 --json`;

/** `paddock chaos`: nothing is lost under faults, or it says what was. */
export function chaosCommand(): Command {
  return new Command('chaos')
    .description(
      'Bring the whole system up on this machine, break it in every way while requests run, and see whether any is lost.',
    )
    .option('--requests <n>', 'requests to submit', wholeNumber(1), 10_000)
    .option('--seed <n>', 'which requests and which faults; the same seed, the same plan', wholeNumber(0), 1)
    .option('--minutes <m>', 'how long the run may take, start-up apart', above(0), 10)
    .option('--fleet <name>', 'which fleet of the config to run (default: the first)')
    .option('--config <file>', 'the configuration', 'paddock.config.ts')
    .option('--state-dir <dir>', 'where logs and the state of this run go', '.paddock/chaos')
    .option('--json', 'print the result as one JSON object on the last line')
    .addHelpText('after', DETAILS)
    .action(async (flags: ChaosRunOptions) => {
      // Imported late: --help and bad options answer at once.
      const { runChaos } = await import('../../local/chaos/chaos.ts');
      process.exitCode = await runChaos({
        ...flags,
        stateDir: resolve(flags.stateDir),
        config: resolve(flags.config),
      });
    });
}

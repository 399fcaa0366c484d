import { Command, Option } from 'commander';
import { DEFAULT_STATE_DIR } from '../../local/session.ts';
import { connectLocal } from '../connect.ts';

interface DoctorFlags {
  aws?: boolean;
  cluster: string;
  stateDir: string;
  json?: boolean;
}

/** 1 is for a question without an answer, as with every command. */
const EXIT_CODE = { healthy: 0, degraded: 2, unhealthy: 3 } as const;

/** `paddock doctor`: one look at everything, and what to do about each finding. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Is everything well? Cluster, node groups, pools, pods, models, queues, dead letters and ticks, each with its evidence and what to do.',
    )
    .option('--json', 'one JSON object: verdict, at, checks')
    .option('--aws', 'ask the system in your AWS account instead of the local one')
    .addOption(
      new Option('--cluster <name>', 'with --aws: the cluster').env('PADDOCK_CLUSTER').default('paddock'),
    )
    .option('--state-dir <dir>', 'where the local system keeps its state', DEFAULT_STATE_DIR)
    .addHelpText(
      'after',
      `
The deployed health check looks, with its own eyes and rights: this needs lambda:InvokeFunction on <cluster>-healthcheck, and no
way into the cluster. What could not be read is 'unknown', never healthy.

Exit codes: 0 healthy, 2 degraded, 3 unhealthy, 1 no verdict.

Examples:
  npm run paddock -- doctor
  npm run paddock -- doctor --aws --cluster paddock
  npm run paddock -- doctor --json`,
    )
    .action(async (flags: DoctorFlags) => {
      const cluster = flags.aws ? flags.cluster : connectLocal(flags).cluster;
      // Imported after the connection is set: SDK clients read the environment when they are made.
      const [{ askVerdict }, { doctorText }] = await Promise.all([
        import('../../adapters/aws/verdict.ts'),
        import('../doctor-text.ts'),
      ]);
      const verdict = await askVerdict(cluster);
      console.log(flags.json ? JSON.stringify(verdict) : doctorText(verdict, process.stdout.columns));
      process.exitCode = EXIT_CODE[verdict.verdict];
    });
}

import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { SCENARIOS } from '../../local/scenarios/scenarios.ts';

const number =
  (minimum: number, { integer = false, exclusive = false } = {}) =>
  (text: string): number => {
    const value = Number(text);
    const tooSmall = exclusive ? value <= minimum : value < minimum;
    if (!Number.isFinite(value) || text.trim() === '' || tooSmall || (integer && !Number.isInteger(value))) {
      const kind = integer ? 'a whole number' : 'a number';
      throw new InvalidArgumentError(`Give ${kind} ${exclusive ? 'above' : 'of at least'} ${minimum}.`);
    }
    return value;
  };

export interface LocalFlags {
  scenario?: string;
  arrivals?: string;
  fleet?: string;
  preset?: 'cpu' | 'gpu';
  slots?: number;
  serviceSeconds?: number;
  bootSeconds?: number;
  loadSeconds?: number;
  minReplicas?: number;
  maxReplicas?: number;
  counterLagSeconds: number;
  minutes?: number;
  timeScale: number;
  times: number;
  modelServer: 'synthetic';
  kubeconfig?: string;
  trigger: 'both' | 'schedule' | 'alarm';
  config: string;
  stateDir: string;
  exit?: boolean;
  json?: boolean;
}

export function localCommand(): Command {
  const scenarios = SCENARIOS.map((s) => `  ${s.name.padEnd(15)} ${s.description}`).join('\n');
  return new Command('local')
    .description(
      'Bring the whole system up on this machine, with a real Kubernetes control plane and no AWS account, and play a load through it.',
    )
    .addOption(
      new Option('--scenario <name>', 'which load to play (default: seed-benchmark, then stay up)').choices(
        SCENARIOS.map((s) => s.name),
      ),
    )
    .addOption(
      new Option(
        '--arrivals <file>',
        'play your own arrivals: CSV offsetSeconds,promptTokens,outputTokens',
      ).conflicts('scenario'),
    )
    .option('--fleet <name>', 'which fleet of the config to run (default: the first)')
    .addOption(
      new Option('--preset <name>', "run this preset's pools instead of a fleet of the config")
        .choices(['cpu', 'gpu'])
        .conflicts('fleet'),
    )
    .option('--slots <n>', 'requests that one replica serves at a time', number(1, { integer: true }))
    .option(
      '--service-seconds <s>',
      'fixed service time of a request (default: from its tokens)',
      number(0, { exclusive: true }),
    )
    .option('--boot-seconds <s>', 'node boot until Ready (default: 2)', number(0))
    .option(
      '--load-seconds <s>',
      'model load on a new pod, from its binding to a node (default: 3)',
      number(0),
    )
    .option('--min-replicas <n>', "override the fleet's minimum", number(0, { integer: true }))
    .option('--max-replicas <n>', "override the fleet's maximum", number(1, { integer: true }))
    .option('--counter-lag-seconds <s>', 'SQS counters lag this much', number(0), 0)
    .option('--minutes <m>', 'play only the first minutes of the arrivals', number(0, { exclusive: true }))
    .option('--time-scale <x>', 'play arrivals this many times faster', number(0, { exclusive: true }), 1)
    .option('--times <n>', 'rounds of idle-wake', number(1, { integer: true }), 20)
    .addOption(
      new Option('--model-server <kind>', 'which server the pods run')
        .choices(['synthetic'])
        .default('synthetic'),
    )
    .option('--kubeconfig <file>', 'use this cluster instead of the embedded control plane')
    .addOption(
      new Option('--trigger <which>', 'which triggers may wake the control plane')
        .choices(['both', 'schedule', 'alarm'])
        .default('both'),
    )
    .option('--config <file>', 'the configuration', 'paddock.config.ts')
    .option('--state-dir <dir>', 'where logs and the state of this run go', '.paddock/local')
    .option('--exit', 'stop when the scenario is done; exit code 0 only if nothing was lost')
    .option('--json', 'print the result as one JSON object on the last line')
    .addHelpText(
      'after',
      `
Scenarios:
${scenarios}

Examples:
  npm start                                             the original benchmark, live; stays up until Ctrl-C
  npm run paddock -- local --scenario burst --exit --json
  npm run paddock -- local --arrivals my-trace.csv --minutes 10 --preset gpu
  npm run paddock -- explain                            in a second terminal: why did it scale?`,
    )
    .action(async (flags: LocalFlags) => {
      // Imported late: --help and bad options answer at once.
      const { runLocal } = await import('../../local/run.ts');
      process.exitCode = await runLocal({
        ...flags,
        stateDir: resolve(flags.stateDir),
        config: resolve(flags.config),
      });
    });
}

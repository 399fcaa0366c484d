import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { KUBERNETES_VERSIONS } from '../../local/cluster/versions.ts';
import { MODEL_SERVERS } from '../../local/model-server/types.ts';
import type { RunOptions } from '../../local/run.ts';
import { SCENARIOS } from '../../local/scenarios/scenarios.ts';
import { DEFAULT_STATE_DIR } from '../../local/session.ts';
import { above, atLeast, wholeNumber } from '../numbers.ts';
import { checkWritable } from '../output-file.ts';

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
        'play your own arrivals: CSV offsetSeconds,promptTokens,outputTokens; with --scenario spot-storm under its storm',
      ),
    )
    .option('--fleet <name>', 'which fleet of the config to run (default: the first)')
    .addOption(
      new Option('--preset <name>', "run this preset's pools instead of a fleet of the config")
        .choices(['cpu', 'gpu'])
        .conflicts('fleet'),
    )
    .option('--slots <n>', 'requests that one replica serves at a time', wholeNumber(1))
    .option('--service-seconds <s>', 'fixed service time of a request (default: from its tokens)', above(0))
    .option('--boot-seconds <s>', 'node boot until Ready (default: 2)', atLeast(0))
    .option(
      '--load-seconds <s>',
      'model load on a new pod, from its binding to a node (default: 3)',
      atLeast(0),
    )
    .option(
      '--empty-disks',
      'new pods fetch their models, which somebody has made up, as in the cluster (always in warm-up and sick-node)',
    )
    .option('--min-replicas <n>', "override the fleet's minimum", wholeNumber(0))
    .option('--max-replicas <n>', "override the fleet's maximum", wholeNumber(1))
    .option('--counter-lag-seconds <s>', 'SQS counters lag this much', atLeast(0), 0)
    .option(
      '--minutes <m>',
      'with --arrivals: play only the first minutes; with spot-storm: its length',
      above(0),
    )
    .option('--seed <n>', 'with spot-storm: another storm of the same kind', wholeNumber(0), 1)
    .option(
      '--spot-price <share>',
      "spot's share of the on-demand price (default: as configured, 0.45 of the price table)",
      above(0),
    )
    .option('--time-scale <x>', 'with --arrivals: play them this many times faster', above(0), 1)
    .option(
      '--phase-seconds <s>',
      'wait this long before the clock starts: another phase of the tick',
      atLeast(0),
      0,
    )
    .option(
      '--times <n>',
      'with --scenario idle-wake (default: 20) or warm-up (default: 5): how many rounds',
      wholeNumber(1),
    )
    .addOption(
      new Option(
        '--model-server <kind>',
        'which server the pods run: ollama is the real one, with a small model',
      )
        .choices(MODEL_SERVERS)
        .default('synthetic'),
    )
    .addOption(
      new Option('--kubernetes <version>', "start this minor version instead of the configuration's")
        .choices(KUBERNETES_VERSIONS)
        .conflicts('kubeconfig'),
    )
    .option('--kubeconfig <file>', 'use this cluster instead of the embedded control plane')
    .addOption(
      new Option('--trigger <which>', 'which triggers may wake the control plane')
        .choices(['both', 'schedule', 'alarm'])
        .default('both'),
    )
    .addOption(
      new Option('--via <way>', 'how requests come in: straight into the queue, or over the gateway')
        .choices(['queue', 'gateway'])
        .default('queue'),
    )
    .option('--config <file>', 'the configuration', 'paddock.config.ts')
    .option('--state-dir <dir>', 'where logs and the state of this run go', DEFAULT_STATE_DIR)
    .addOption(
      new Option(
        '--record-calls <file>',
        'write down which calls were made with which role or service account',
      ).conflicts('kubeconfig'),
    )
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
  npm run paddock -- local --scenario warm-up --min-replicas 10 --max-replicas 10 --times 3 --exit
  npm run paddock -- local --scenario idle-wake --times 5 --via gateway --exit
  npm run paddock -- local --model-server ollama        real replies (see npm run paddock -- ollama install)
  npm run paddock -- local --scenario spot-storm --minutes 10 --exit --json
  npm run paddock -- local --arrivals my-trace.csv --minutes 10 --preset gpu
  npm run paddock -- explain                            in a second terminal: why did it scale?`,
    )
    .action(async (flags: RunOptions, command: Command) => {
      refuseIgnored(flags, command);
      checkFiles(flags);
      // Imported late: --help and bad options answer at once.
      const { runLocal } = await import('../../local/run.ts');
      process.exitCode = await runLocal({
        ...flags,
        stateDir: resolve(flags.stateDir),
        config: resolve(flags.config),
        ...(flags.recordCalls === undefined ? {} : { recordCalls: resolve(flags.recordCalls) }),
      });
    });
}

/** What is read or written only once the system is up. */
function checkFiles({ kubeconfig, recordCalls }: RunOptions): void {
  if (kubeconfig !== undefined && !existsSync(kubeconfig))
    throw new Error(`There is no kubeconfig ${resolve(kubeconfig)}. Name a file that is there.`);
  if (recordCalls !== undefined) checkWritable('--record-calls', resolve(recordCalls));
}

/** An option that the chosen load does not read is a mistake, not something to pass over. */
function refuseIgnored({ arrivals, scenario, modelServer }: RunOptions, command: Command): void {
  const refuse = (option: string, flag: string, needed: string): void => {
    if (command.getOptionValueSource(option) !== 'cli') return;
    command.error(`error: ${flag} only works with ${needed}. Add that, or leave ${flag} out.`);
  };
  if (arrivals !== undefined && scenario !== undefined && scenario !== 'spot-storm')
    command.error(`error: --arrivals plays a load of its own or that of spot-storm, not ${scenario}'s.`);
  if (scenario !== 'spot-storm') refuse('seed', '--seed', '--scenario spot-storm');
  if (arrivals === undefined) {
    if (scenario !== 'spot-storm')
      refuse('minutes', '--minutes', '--arrivals <file> or --scenario spot-storm');
    refuse('timeScale', '--time-scale', '--arrivals <file>');
  }
  if (modelServer !== 'synthetic') {
    refuse('serviceSeconds', '--service-seconds', '--model-server synthetic');
    refuse('loadSeconds', '--load-seconds', '--model-server synthetic');
    refuse('emptyDisks', '--empty-disks', '--model-server synthetic');
  }
  if (scenario !== 'idle-wake' && scenario !== 'warm-up')
    refuse('times', '--times', '--scenario idle-wake or warm-up');
  if (scenario === 'warm-up' && modelServer !== 'synthetic')
    command.error(
      'error: --scenario warm-up asks the model servers what they saw, which the real one does not tell.',
    );
  if (scenario === 'sick-node' && modelServer !== 'synthetic')
    command.error(
      'error: --scenario sick-node has models made up for it, which the real server can not load.',
    );
}

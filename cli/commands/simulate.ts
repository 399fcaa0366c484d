import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  type Arrivals,
  ArrivalsError,
  DEFAULT_SERVICE,
  readArrivals,
  type ServiceTime,
  superpose,
} from '../../simulation/arrivals.ts';
import {
  isRuleName,
  RULE_NAMES,
  type RuleName,
  type SimulationRow,
  simulate,
} from '../../simulation/simulate.ts';
import { above, atLeast, wholeNumber } from '../numbers.ts';

interface Options {
  arrivals?: string;
  scenario?: 'spot-storm';
  minutes?: number;
  timeScale: number;
  spotPrice?: number;
  rule?: RuleName[];
  slots: number;
  leadSeconds: number;
  targetWait: number;
  scale: number;
  maxReplicas: number;
  serviceSeconds?: number;
  promptRate: number;
  outputRate: number;
  counterLagSeconds: number;
  phaseSeconds: number;
  seed: number;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  All rules on a trace, ten times as dense, with nodes that take two minutes:
    $ npm run paddock -- simulate --arrivals trace.csv --scale 10 --lead-seconds 120
  Two rules, one slot per replica and 2 s per request, for a script:
    $ npm run paddock -- simulate --arrivals trace.csv --rule paddock --rule keda --slots 1 --service-seconds 2 --json
  The same storm with spot capacity under four ways to deal with it:
    $ npm run paddock -- simulate --scenario spot-storm --seed 3 --json

The file is CSV with the columns offsetSeconds,promptTokens,outputTokens, or those of the Azure LLM inference traces
(TIMESTAMP,ContextTokens,GeneratedTokens). Replicas start at 1, warm. A replica that paddock removes finishes its
requests first; the other rules cut them off, and they start again.`;

/** `paddock simulate`: plays arrivals through a simulated fleet, once per scaling rule, and compares them. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description('Play recorded arrivals through a simulated fleet and compare scaling rules.')
    .option('--arrivals <file>', 'CSV with one row per request')
    .addOption(
      new Option(
        '--scenario <name>',
        'play this under several ways to deal with it, instead of several rules',
      ).choices(['spot-storm']),
    )
    .option('--minutes <m>', 'with --scenario: how long it lasts (default: 30)', above(0))
    .option(
      '--time-scale <x>',
      'with --scenario and --arrivals: play them this many times faster',
      above(0),
      1,
    )
    .option(
      '--spot-price <share>',
      "with --scenario: spot's share of the on-demand price (default: 0.45)",
      above(0),
    )
    .addOption(
      new Option('--rule <name...>', `which rules (default: all): ${RULE_NAMES.join(', ')}`).argParser(
        collectRules,
      ),
    )
    .option('--slots <n>', 'requests that a replica serves at a time', wholeNumber(1), 4)
    .option('--lead-seconds <s>', 'seconds from the decision until a new replica is warm', atLeast(0), 20)
    .option('--target-wait <s>', 'a request should start within this time', atLeast(0), 10)
    .option('--scale <k>', 'superpose k shifted copies of the arrivals', wholeNumber(1), 1)
    .option('--max-replicas <n>', 'replicas at most', wholeNumber(1), 200)
    .option('--service-seconds <s>', 'every request takes this long (default: from its tokens)', above(0))
    .option('--prompt-rate <n>', 'prompt tokens per second', above(0), DEFAULT_SERVICE.promptPerSecond)
    .option('--output-rate <n>', 'output tokens per second', above(0), DEFAULT_SERVICE.outputPerSecond)
    .option('--counter-lag-seconds <s>', "the queue's counters are this late", atLeast(0), 0)
    .option('--phase-seconds <s>', 'when the first tick is', atLeast(0), 0)
    .option('--seed <n>', 'which free slot takes a request is chance', wholeNumber(0), 1)
    .option('--json', 'print the result as one JSON object on the last line')
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options, command: Command) => {
      checkTogether(options, command);
      if (options.scenario !== undefined) {
        const { simulateStorm } = await import('../storm.ts');
        // The storm's own number of slots, unless one is stated.
        const { slots, ...rest } = options;
        const stated = command.getOptionValueSource('slots') === 'cli' ? { slots } : {};
        console.log(await simulateStorm({ ...rest, ...stated }));
        return;
      }
      const given = options as Options & { arrivals: string };
      const arrivals = await load(given, command);
      const rows = runAll(options, arrivals);
      const result = { arrivals: options.arrivals, leadSeconds: options.leadSeconds, rows };
      process.stdout.write(`${options.json ? JSON.stringify(result) : render(options, arrivals, rows)}\n`);
    });
}

/** An option that would not be read is a mistake, not something to pass over. */
function checkTogether({ scenario, arrivals }: Options, command: Command): void {
  const refuse = (message: string): void => command.error(`error: ${message}`);
  if (scenario === undefined && arrivals === undefined)
    refuse('State what to play: --arrivals <file>, or --scenario spot-storm.');
  const only =
    scenario === undefined
      ? ['minutes', 'timeScale', 'spotPrice']
      : [
          'rule',
          'leadSeconds',
          'targetWait',
          'scale',
          'maxReplicas',
          'serviceSeconds',
          'counterLagSeconds',
          'phaseSeconds',
        ];
  for (const option of command.options.filter((one) => only.includes(one.attributeName())))
    if (command.getOptionValueSource(option.attributeName()) === 'cli')
      refuse(`${option.long} works only ${scenario === undefined ? 'with' : 'without'} --scenario.`);
}

async function load(options: Options & { arrivals: string }, command: Command): Promise<Arrivals> {
  const service: ServiceTime =
    options.serviceSeconds === undefined
      ? { promptPerSecond: options.promptRate, outputPerSecond: options.outputRate }
      : { seconds: options.serviceSeconds };
  try {
    return superpose(await readArrivals(options.arrivals, service), options.scale);
  } catch (error) {
    if (error instanceof ArrivalsError) return command.error(`error: ${error.message}`, { exitCode: 1 });
    throw error;
  }
}

function runAll(options: Options, arrivals: Arrivals): SimulationRow[] {
  const rules = options.rule ?? RULE_NAMES;
  const progress = new Progress(rules.length);
  try {
    return rules.map((rule, index) => {
      const onProgress = (share: number) => progress.show(index + share, rule);
      const result = simulate(rule, arrivals, {
        ...options,
        targetWaitSeconds: options.targetWait,
        onProgress,
      });
      const { startedInTime, waitSeconds, replicaSeconds, costRatio, peakReplicas, cutOff } = result;
      return { rule, startedInTime, waitSeconds, replicaSeconds, costRatio, peakReplicas, cutOff };
    });
  } finally {
    progress.stop();
  }
}

const SHOW_AFTER_MS = 500;

/** A bar on a terminal, for runs that take long enough to wonder. */
class Progress {
  readonly #total: number;
  readonly #startedAt = performance.now();
  #bar: SingleBar | undefined;

  constructor(total: number) {
    this.#total = total;
  }

  show(done: number, rule: string): void {
    if (!process.stderr.isTTY || performance.now() - this.#startedAt < SHOW_AFTER_MS) return;
    if (!this.#bar) {
      this.#bar = new SingleBar({ format: 'simulating {rule} {bar} {percentage}%', clearOnComplete: true });
      this.#bar.start(this.#total, done, { rule });
    }
    this.#bar.update(done, { rule });
  }

  stop(): void {
    this.#bar?.stop();
  }
}

function render(options: Options, arrivals: Arrivals, rows: SimulationRow[]): string {
  const table = new Table({
    head: [
      'rule',
      `started in ${options.targetWait} s`,
      'wait mean',
      'p50',
      'p90',
      'p99',
      'max',
      'replica-s',
      'cost ratio',
      'peak',
      'cut off',
    ],
    colAligns: ['left', ...Array<'right'>(10).fill('right')],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    const { mean, p50, p90, p99, max } = row.waitSeconds;
    const waits = [mean, p50, p90, p99, max].map((seconds) => seconds.toFixed(1));
    table.push([
      row.rule,
      `${(row.startedInTime * 100).toFixed(1)}%`,
      ...waits,
      Math.round(row.replicaSeconds),
      row.costRatio.toFixed(2),
      row.peakReplicas,
      row.cutOff,
    ]);
  }
  const summary =
    `${arrivals.at.length} requests in ${Math.round(arrivals.durationSeconds)} s, ${options.slots} slots, ` +
    `lead time ${options.leadSeconds} s. Cost ratio: replica-seconds ÷ (work ÷ slots).`;
  return `${table.toString()}\n${summary}`;
}

function collectRules(name: string, before: RuleName[] = []): RuleName[] {
  const names = name.split(',');
  for (const one of names) {
    if (!isRuleName(one))
      throw new InvalidArgumentError(`There is no rule "${one}". Rules: ${RULE_NAMES.join(', ')}.`);
  }
  return [...before, ...names.filter(isRuleName)];
}

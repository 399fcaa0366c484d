import { writeFileSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { Command, Option } from 'commander';
import type { Round } from '../bench/play.ts';
import { MODES, type Mode, type Target } from '../bench/targets.ts';
import { above, wholeNumber } from '../numbers.ts';
import { checkWritable } from '../output-file.ts';

interface Options {
  target: string;
  compare?: string;
  mode?: Mode;
  compareMode?: Mode;
  requests: number;
  concurrency: number;
  rounds?: number;
  model: string;
  prompt: string;
  outputTokens: number;
  timeout: number;
  deadline: number;
  apiKey?: string;
  chart?: string;
  json?: boolean;
}

/** In a comparison; a target alone is played in one go. */
const ROUNDS_OF_A_COMPARISON = 5;
/** As shells report a process that Ctrl-C ended. */
const INTERRUPTED = 130;

const EXAMPLES = `
Examples:
  The original benchmark, through the queue:
    $ npm run paddock -- bench --target https://GATEWAY --api-key KEY --chart queue.svg
  A model server alone, as the original was measured:
    $ npm run paddock -- bench --target http://127.0.0.1:11434 --model gemma3:270m
  What the router and the worker cost, in turns with the server itself:
    $ npm run paddock -- bench --target http://127.0.0.1:11434 --compare http://127.0.0.1:8080

Exit code 0 only if every request was answered.`;

/** `paddock bench`: the original's benchmark against any endpoint. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure an endpoint as a client sees it: a model server, the router, or the queue.')
    .requiredOption('--target <url>', 'a model server, the router, or the gateway')
    .option('--compare <url>', 'a second one, played in turns with the first')
    .addOption(
      new Option('--mode <mode>', 'what the target is (default: asked from the server)').choices(MODES),
    )
    .addOption(new Option('--compare-mode <mode>', 'what the second one is').choices(MODES))
    .option('--requests <n>', 'requests to each', wholeNumber(1), 100)
    .option('--concurrency <n>', 'requests under way at a time', wholeNumber(1), 10)
    .option('--rounds <n>', 'turns of each in a comparison (default: 5)', wholeNumber(1))
    .option('--model <name>', 'the model to ask', 'llama3.1:8b')
    .option('--prompt <text>', 'what to ask', 'Explain quantum computing in one sentence.')
    .option('--output-tokens <n>', 'tokens to generate at most', wholeNumber(1), 128)
    .option('--timeout <s>', 'seconds that an HTTP call may take', above(0), 30)
    .option('--deadline <s>', 'seconds that a queued request may take from end to end', above(0), 3600)
    .addOption(new Option('--api-key <key>', "the gateway's").env('PADDOCK_API_KEY'))
    .option('--chart <file>', 'write a picture: how many were answered within which time; an .svg')
    .option('--json', 'print the result as one JSON object on the last line')
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options) => {
      process.exitCode = await bench(options);
    });
}

async function bench(options: Options): Promise<number> {
  if (options.compare === undefined)
    for (const flag of ['compareMode', 'rounds'] as const)
      if (options[flag] !== undefined)
        throw new Error(
          `--${flag === 'rounds' ? 'rounds' : 'compare-mode'} works only with --compare <url>.`,
        );
  if (options.chart !== undefined) {
    if (!options.chart.endsWith('.svg'))
      throw new Error(`--chart draws SVG: name the file something.svg, not ${options.chart}.`);
    checkWritable('--chart', options.chart);
  }
  // Imported here: the clients take longer to load than the other commands to run.
  const [{ openTarget }, { play }, { reportOf, reportText }] = await Promise.all([
    import('../bench/targets.ts'),
    import('../bench/play.ts'),
    import('../bench/report.ts'),
  ]);
  const common = {
    deadlineSeconds: options.deadline,
    ...(options.apiKey !== undefined && { apiKey: options.apiKey }),
  };
  const targets: Target[] = [
    await openTarget(options.target, { ...common, ...(options.mode && { mode: options.mode }) }),
  ];
  if (options.compare !== undefined) {
    const mode = options.compareMode && { mode: options.compareMode };
    targets.push(await openTarget(options.compare, { ...common, ...mode }));
  }
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  process.once('SIGINT', stop);
  const bar = new Bar(options.requests * targets.length);
  let rounds: Round[][];
  try {
    rounds = await play(targets, {
      ...options,
      rounds: Math.min(options.requests, options.rounds ?? (targets.length > 1 ? ROUNDS_OF_A_COMPARISON : 1)),
      timeoutSeconds: options.timeout,
      signal: stopped.signal,
      onProgress: (done, failed) => bar.show(done, failed),
    });
  } finally {
    bar.stop();
    process.off('SIGINT', stop);
  }
  const reports = targets.map((target, index) => reportOf(target, rounds[index] ?? [], options.concurrency));
  console.log(options.json ? JSON.stringify({ targets: reports }) : reportText(reports));
  if (options.chart !== undefined) {
    const { chartSvg } = await import('../bench/chart.ts');
    writeFileSync(options.chart, chartSvg(reports, rounds, options.timeout));
  }
  if (stopped.signal.aborted) return INTERRUPTED;
  return reports.every((report) => report.successRate === 1) ? 0 : 1;
}

/** Requests done, on a terminal's standard error. */
class Bar {
  readonly #bar: SingleBar | undefined;

  constructor(total: number) {
    if (!process.stderr.isTTY) return;
    this.#bar = new SingleBar({
      format: '{bar} {value}/{total} requests, {failed} failed, {duration_formatted}, {eta_formatted} to go',
      clearOnComplete: true,
      gracefulExit: false,
      etaBuffer: 50,
    });
    this.#bar.start(total, 0, { failed: 0 });
  }

  show(done: number, failed: number): void {
    this.#bar?.update(done, { failed });
  }

  stop(): void {
    this.#bar?.stop();
  }
}

/**
 * What the worker costs. Throughput: the same requests straight to a model server, through the worker's proxy, and through
 * the queue, in turns. Time to the first token: one request at a time straight, through the worker, and through router and
 * worker. On the synthetic server, and on a real Ollama where one is installed. The worker is its bundle in a process of
 * its own; SQS and S3 are the local front in this one. `node bench/worker.bench.ts [--quick]`
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { OllamaGeneration } from '../adapters/ollama/generation.ts';
import { play, type Round } from '../cli/bench/play.ts';
import type { Target } from '../cli/bench/targets.ts';
import { quantile, roundTo } from '../core/statistics.ts';
import { defaultCacheDir } from '../local/build/artifacts.ts';
import { ModelServers } from '../local/model-server/model-servers.ts';
import { findOllama } from '../local/ollama/install.ts';
import { OllamaServers } from '../local/ollama/servers.ts';
import { Supervisor, stopOnSignals } from '../local/processes.ts';
import { findNginx } from '../local/router/binary.ts';
import { until, WorkerBench } from '../test/worker/harness.ts';
import { TestRouter } from '../test/workloads/router/harness.ts';
import { QueueGeneration } from './support/queue-generation.ts';

const MODEL = 'llama3.1:8b';
const PROMPT = 'Explain quantum computing in one sentence.';
const SLOTS = 4;
const RUNS = 5;
const quick = process.argv.includes('--quick');

interface Load {
  requests: number;
  concurrency: number;
  outputTokens: number;
}

const bench = new WorkerBench();
await bench.start();

async function measure(
  name: string,
  { host, disk }: { host: string; disk: string },
  loads: { throughput: Load; firstToken: Omit<Load, 'concurrency'> },
): Promise<void> {
  const worker = bench.startWorkerAt(
    name,
    { host, disk, slots: SLOTS, models: [MODEL] },
    { PADDOCK_VISIBILITY_SECONDS: '30' },
    async () => undefined,
  );
  await until(async () => (await fetch(`${worker.url}/readyz`).catch(() => undefined))?.status === 200, 120);
  const direct = target('direct', `http://${host}:11434`);
  const proxied = target('router', worker.url);
  const queued: Target = { url: 'queue', mode: 'queue', client: new QueueGeneration(bench) };

  const { throughput, firstToken } = loads;
  console.log(
    `\n${name}, ${SLOTS} slots: ${RUNS} runs of ${throughput.requests} requests each, in turns, ${throughput.concurrency} at a time`,
  );
  const rounds = await inTurns([direct, proxied, queued], throughput);
  const rates = rounds.map((all) => all.map((round) => round.answers.length / round.seconds));
  const base = rates[0] as number[];
  for (const [index, title] of ['direct', 'worker', 'queue'].entries()) {
    const own = rates[index] as number[];
    const shares = own.map((rate, run) => (100 * rate) / (base[run] as number));
    const failed = rounds[index]?.flatMap((round) => [...round.failures.keys()]) ?? [];
    console.log(
      `  ${title.padEnd(8)} ${spread(own, 3)} answers/s` +
        (index === 0 ? '' : `, ${spread(shares, 1)} % of direct`) +
        (failed.length === 0 ? '' : `, FAILED: ${[...new Set(failed)].join('; ')}`),
    );
  }

  const nginx = findNginx() !== undefined;
  const router = nginx ? await new TestRouter({ cpu: [`${host}:8080`] }).start() : undefined;
  const targets = [direct, proxied];
  if (router) targets.push(target('router', `http://127.0.0.1:${router.ports.backend}`));
  console.log(
    `${name}: time to the first token, ${firstToken.requests} requests to each, one at a time, in turns`,
  );
  const runs = await play(targets, {
    ...{ requests: firstToken.requests, concurrency: 1, rounds: firstToken.requests },
    ...common(firstToken.outputTokens),
  });
  const first = runs.map((all) =>
    all.flatMap((round) => round.answers.map((answer) => answer.firstTokenSeconds * 1000)),
  );
  const middle = median(first[0] as number[]);
  for (const [index, title] of ['direct', 'worker', 'router and worker'].entries()) {
    const own = first[index];
    if (!own) continue;
    const later = index === 0 ? '' : `: ${roundTo(median(own) - middle, 2)} ms later`;
    console.log(`  ${title.padEnd(18)} median ${roundTo(median(own), 2)} ms (${quartiles(own)})${later}`);
  }
  if (!router) console.log('  no router: nginx is not installed');
  await router?.stop();
  worker.process.kill('SIGTERM');
  await worker.exit;
}

/** One round of each at a time, every other in the opposite order. The queue always has a backlog: twice as many wait. */
async function inTurns(targets: Target[], load: Load): Promise<Round[][]> {
  const rounds = targets.map((): Round[] => []);
  for (let run = 0; run < RUNS; run += 1) {
    const order = targets.map((_, index) => index);
    for (const index of run % 2 === 0 ? order : order.reverse()) {
      const one = targets[index] as Target;
      const concurrency = one.mode === 'queue' ? 2 * load.concurrency : load.concurrency;
      const [[round] = []] = await play([one], {
        ...{ requests: load.requests, concurrency, rounds: 1 },
        ...common(load.outputTokens),
      });
      rounds[index]?.push(round as Round);
    }
  }
  return rounds;
}

const common = (outputTokens: number) => ({
  ...{ model: MODEL, prompt: PROMPT, outputTokens, timeoutSeconds: 600 },
  ...{ signal: new AbortController().signal, onProgress: () => undefined },
});
const target = (mode: Target['mode'], url: string): Target => ({
  mode,
  url,
  client: new OllamaGeneration(url),
});
const sorted = (values: readonly number[]) => Float64Array.from(values).sort();
const median = (values: readonly number[]) => quantile(sorted(values), 0.5);
const quartiles = (values: readonly number[]) =>
  `quartiles ${roundTo(quantile(sorted(values), 0.25), 2)}–${roundTo(quantile(sorted(values), 0.75), 2)}`;
const spread = (values: readonly number[], digits: number) =>
  `${roundTo(median(values), digits)} (${roundTo(Math.min(...values), digits)}–${roundTo(Math.max(...values), digits)})`;

const synthetic = new ModelServers();
const supervisor = new Supervisor({ stateDir: bench.dir });
let stopping: Promise<void> | undefined;
const stopAll = async (): Promise<void> => {
  await synthetic.stop();
  await supervisor.stopAll();
  await bench.stop();
};
/** A signal and the end of the run may both ask for it. */
const stop = (): Promise<void> => {
  stopping ??= stopAll();
  return stopping;
};
stopOnSignals(stop);
console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} processors, Node ${process.versions.node}`);
try {
  const base = { port: 11434, models: [MODEL], slots: SLOTS, loadableAt: 0 };
  // 50 tokens take a second, the first of them 20 ms.
  const stated = { host: '127.30.2.1', disk: join(bench.dir, 'disks/stated') };
  await synthetic.add({ ...base, ...stated, pod: 'stated', decodeRate: 50 });
  await measure('synthetic server, 1 s a request', stated, {
    throughput: { requests: quick ? 8 : 40, concurrency: SLOTS, outputTokens: 50 },
    firstToken: { requests: quick ? 20 : 200, outputTokens: 2 },
  });
  const install = await findOllama(defaultCacheDir());
  if (!install) console.log('\nno real Ollama: npm run paddock -- ollama install');
  else {
    const logDir = join(bench.dir, 'logs');
    const servers = new OllamaServers({ install, supervisor, logDir, onTrouble: console.error });
    const real = { host: '127.30.2.2', disk: join(bench.dir, 'disks/real') };
    const environment = { OLLAMA_NUM_PARALLEL: String(SLOTS), OLLAMA_CONTEXT_LENGTH: '2048' };
    await servers.add({ ...base, ...real, pod: 'real', environment });
    await measure(`Ollama ${install.version}, Gemma 3 270M`, real, {
      throughput: { requests: quick ? 4 : 16, concurrency: SLOTS, outputTokens: 32 },
      firstToken: { requests: quick ? 5 : 40, outputTokens: 2 },
    });
    await servers.stop();
  }
} finally {
  await stop();
}

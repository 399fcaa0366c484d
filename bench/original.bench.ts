/**
 * The original's benchmark on a real Ollama: 100 requests, 10 at a time, a time-out of 30 s for each HTTP call, 128 tokens.
 * One replica of the whole local system is asked straight at its Ollama, and through gateway, queue and worker, in turns.
 * About twelve minutes on two free processors. `node bench/original.bench.ts [--requests N] [--slots N] [--chart FILE] [--json]`
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { OllamaGeneration } from '../adapters/ollama/generation.ts';
import { BackgroundGeneration } from '../adapters/openai/background.ts';
import { chartSvg } from '../cli/bench/chart.ts';
import { play } from '../cli/bench/play.ts';
import { reportOf, reportText } from '../cli/bench/report.ts';
import type { Target } from '../cli/bench/targets.ts';
import { LABEL, NAMESPACE, OLLAMA_PORT } from '../core/protocol/names.ts';
import { loadConfig } from '../infra/app.ts';
import { defaultCacheDir } from '../local/build/artifacts.ts';
import { localConfig } from '../local/config.ts';
import { ensureOllama } from '../local/ollama/install.ts';
import { Supervisor, stopOnSignals } from '../local/processes.ts';
import { createProgress } from '../local/progress.ts';
import { SCENARIOS, type Scenario } from '../local/scenarios/scenarios.ts';
import { startSystem } from '../local/system/start.ts';
import type { LocalSystem } from '../local/system/system.ts';

const CONCURRENCY = 10;
const TIMEOUT_SECONDS = 30;
/** Each target is played in two halves, the second half in the opposite order. */
const ROUNDS = 2;
const WARM_SECONDS = 300;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100' },
    /** Requests that Ollama serves at a time; 1 is its own default. */
    slots: { type: 'string', default: '1' },
    chart: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const stateDir = mkdtempSync(join(tmpdir(), 'paddock-original-'));
const supervisor = new Supervisor({ stateDir });
const progress = createProgress({ quiet: values.json });
let system: LocalSystem | undefined;
let stopping: Promise<void> | undefined;
const stopAll = async (): Promise<void> => {
  await system?.stop();
  await supervisor.stopAll();
  rmSync(stateDir, { recursive: true, force: true });
};
/** A signal and the end of the run may both ask for it. */
const stop = (): Promise<void> => {
  stopping ??= stopAll();
  return stopping;
};
stopOnSignals(stop);

try {
  const ollama = await ensureOllama({ cacheDir: defaultCacheDir(), progress });
  const scenario: Scenario = { ...(SCENARIOS[0] as Scenario), singlePool: true };
  const one = { slots: Number(values.slots), minReplicas: 1, maxReplicas: 1, leadSeconds: 5 };
  const config = localConfig(await loadConfig(), scenario, one);
  const running = await startSystem({
    ...{ config, stateDir, cacheDir: defaultCacheDir(), supervisor, progress, ollama },
    ...{ triggers: { schedule: true, alarm: true }, bootSeconds: 0, loadSeconds: 0, counterLagSeconds: 0 },
  });
  system = running;
  await progress.step('Warming one replica', () =>
    running.watch.until(
      () => Object.values(running.watch.pools()).some(({ warm }) => warm === 1),
      AbortSignal.timeout(WARM_SECONDS * 1000),
    ),
  );
  if (!running.gateway) throw new Error('The configuration has no gateway: set gateway.enabled.');
  const direct = `http://${await podAddress(running)}:${OLLAMA_PORT}`;
  const { url, apiKey } = running.gateway;
  const targets: Target[] = [
    { mode: 'direct', url: direct, client: new OllamaGeneration(direct) },
    { mode: 'queue', url, client: new BackgroundGeneration(url, apiKey, 3600) },
  ];
  const requests = Number(values.requests);
  const rounds = await progress.step(`Playing ${requests} requests to each, in turns`, (update) =>
    play(targets, {
      ...{ requests, concurrency: CONCURRENCY, rounds: ROUNDS, timeoutSeconds: TIMEOUT_SECONDS },
      ...{ model: config.fleets[0]?.models[0] ?? '', outputTokens: 128 },
      prompt: 'Explain quantum computing in one sentence.',
      signal: new AbortController().signal,
      onProgress: (done, failed) => update(done / (2 * requests), `${failed} without an answer`),
    }),
  );
  const reports = targets.map((target, index) => reportOf(target, rounds[index] ?? [], CONCURRENCY));
  if (values.chart) writeFileSync(values.chart, chartSvg(reports, rounds, TIMEOUT_SECONDS));
  if (values.json) console.log(JSON.stringify({ targets: reports }));
  else {
    console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} processors, Ollama ${ollama.version}`);
    console.log(reportText(reports));
  }
  const queue = reports.find(({ mode }) => mode === 'queue');
  process.exitCode = queue?.successRate === 1 ? 0 : 1;
} finally {
  await stop();
}
process.exit();

/** Of the only replica. */
async function podAddress({ cluster, policy }: LocalSystem): Promise<string> {
  const kubeconfig = new KubeConfig();
  kubeconfig.loadFromFile(cluster.kubeconfigPath);
  const { items } = await kubeconfig.makeApiClient(CoreV1Api).listNamespacedPod({
    ...{ namespace: NAMESPACE, labelSelector: `${LABEL.fleet}=${policy.fleet}` },
  });
  const address = items.find(({ status }) => status?.phase === 'Running')?.status?.podIP;
  if (!address) throw new Error('The replica has no address.');
  return address;
}

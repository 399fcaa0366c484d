/**
 * The long scenarios with their limits (`npm run accept [NAME …]`): some hours when all run, so CI leaves them out.
 * Prints one row per run and exits 1 when a limit is missed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import Table from 'cli-table3';
import { LABEL } from '../../core/protocol/names.ts';
import type { ScenarioResult } from '../../local/scenarios/recorder.ts';
import { readSession } from '../../local/session.ts';

interface Limit {
  what: string;
  holds: (result: ScenarioResult) => boolean;
}

/** A scenario of the local system, judged by its result. */
interface Run {
  name: string;
  arguments: string[];
  limits: Limit[];
  /** Looks at the running system now and then; throws what is wrong. */
  watch?: (stateDir: string) => Promise<void>;
}

const nothingLost: Limit = {
  what: 'nothing lost, failed or answered twice',
  holds: ({ requests }) =>
    requests.lost + requests.failed + requests.duplicated === 0 && requests.succeeded === requests.submitted,
};
const noneCold: Limit = {
  what: 'no request reached a replica that was not warm',
  holds: ({ requests }) => requests.cold === 0,
};
const noneInterrupted: Limit = {
  what: 'none interrupted',
  holds: ({ scaling }) => scaling.interrupted === 0,
};
const ticksAreQuick: Limit = {
  what: 'tick p50 < 150 ms, p99 < 500 ms',
  holds: ({ ticks }) => ticks.p50Ms < 150 && ticks.p99Ms < 500,
};
const burstLimits: Limit[] = [
  nothingLost,
  noneCold,
  noneInterrupted,
  ticksAreQuick,
  { what: 'wait p99 ≤ 25 s', holds: ({ waitSeconds }) => waitSeconds.p99 <= 25 },
  { what: '≤ 3,700 replica-seconds', holds: ({ scaling }) => scaling.replicaSeconds <= 3700 },
  {
    what: 'scale-out within one tick (5 s, and 0.5 s to be seen)',
    holds: ({ scaling }) => scaling.firstScaleOutSeconds !== null && scaling.firstScaleOutSeconds <= 5.5,
  },
  { what: 'back at the minimum', holds: ({ scaling }) => scaling.finalReplicas === 1 },
];

/** Tests that look closer than a scenario's result, one by one. */
const TESTS = [
  { name: 'capacity', file: 'test/accept/capacity.accept.ts' },
  { name: 'upgrade-kubernetes', file: 'test/accept/upgrade-kubernetes.accept.ts' },
  { name: 'upgrade-ollama', file: 'test/accept/upgrade-ollama.accept.ts' },
];

const RUNS: Run[] = [
  {
    name: 'seed-benchmark',
    arguments: ['--scenario', 'seed-benchmark'],
    limits: [nothingLost, noneInterrupted],
  },
  ...[0, 1.7, 3.4].map(
    (phase): Run => ({
      name: `burst-phase-${phase}`,
      arguments: ['--scenario', 'burst', '--phase-seconds', String(phase)],
      limits: burstLimits,
    }),
  ),
  {
    name: 'burst-gpu',
    arguments: ['--scenario', 'burst', '--preset', 'gpu'],
    limits: burstLimits,
    watch: podsOnGpuNodes,
  },
  {
    name: 'burst-counters-late',
    arguments: ['--scenario', 'burst', '--counter-lag-seconds', '60'],
    limits: [
      nothingLost,
      noneInterrupted,
      { what: 'at most the maximum of replicas', holds: ({ scaling }) => scaling.peakReplicas <= 20 },
    ],
  },
  ...(['schedule', 'alarm'] as const).map(
    (trigger): Run => ({
      name: `wake-${trigger}-alone`,
      arguments: ['--scenario', 'idle-wake', '--times', '2', '--trigger', trigger],
      limits: [nothingLost],
    }),
  ),
  {
    // Forty alive at a time, five times over: 200 workers at once would want 16 GB.
    name: 'warm-200',
    arguments: ['--scenario', 'warm-up', '--min-replicas', '40', '--max-replicas', '40', '--times', '5'],
    limits: [
      nothingLost,
      noneCold,
      { what: '200 pods turned warm', holds: ({ scaling }) => scaling.podsWarmed >= 200 },
      {
        what: 'every pod was knocked at while it was cold',
        holds: ({ scaling }) => scaling.knocks.refused >= 200,
      },
    ],
  },
  {
    name: 'sick-node',
    arguments: ['--scenario', 'sick-node'],
    limits: [
      nothingLost,
      noneCold,
      noneInterrupted,
      {
        what: 'the pod is replaced, then its node, and all are warm within 8 minutes',
        holds: ({ stages }) => (stages?.['all are warm'] ?? Number.POSITIVE_INFINITY) <= 480,
      },
    ],
  },
  {
    name: 'spot-storm',
    arguments: ['--scenario', 'spot-storm'],
    limits: [
      nothingLost,
      {
        what: 'under 1% interrupted',
        holds: ({ scaling, requests }) =>
          scaling.interrupted !== null && scaling.interrupted < 0.01 * requests.submitted,
      },
      { what: 'at most 65% of all on-demand', holds: ({ cost }) => cost.saving >= 0.35 },
    ],
  },
  { name: 'idle-wake', arguments: ['--scenario', 'idle-wake', '--times', '20'], limits: [nothingLost] },
];

/** Every bound pod of the fleet is on a node that offers a GPU. */
async function podsOnGpuNodes(stateDir: string): Promise<void> {
  const session = readSession(stateDir);
  if (!session) return;
  const config = new KubeConfig();
  config.loadFromFile(session.kubeconfig);
  const api = config.makeApiClient(CoreV1Api);
  const [pods, nodes] = await Promise.all([
    api.listPodForAllNamespaces({ labelSelector: LABEL.fleet }),
    api.listNode(),
  ]);
  for (const { metadata, spec } of pods.items) {
    const node = nodes.items.find((candidate) => candidate.metadata?.name === spec?.nodeName);
    if (node && Number(node.status?.allocatable?.['nvidia.com/gpu'] ?? 0) < 1) {
      throw new Error(`${metadata?.name} runs on ${node.metadata?.name}, which has no GPU`);
    }
  }
}

async function play(run: Run): Promise<{ result: ScenarioResult | undefined; missed: string[] }> {
  const stateDir = mkdtempSync(join(tmpdir(), 'paddock-accept-'));
  const child = spawn(
    process.execPath,
    ['cli/paddock.ts', 'local', '--exit', '--json', '--state-dir', stateDir, ...run.arguments],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const missed: string[] = [];
  const looks = setInterval(() => {
    run.watch?.(stateDir).catch((error: Error) => missed.push(error.message));
  }, 5_000);
  try {
    const result = await resultOf(child);
    if (!result) return { result, missed: ['it ended without a result'] };
    missed.push(...run.limits.filter(({ holds }) => !holds(result)).map(({ what }) => what));
    return { result, missed: [...new Set(missed)] };
  } finally {
    clearInterval(looks);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** Whether every test of the file passes; jest's own report goes to the terminal. */
async function passes(file: string): Promise<boolean> {
  const jest = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
  ];
  const child = spawn(process.execPath, [...jest, '--runInBand', '--testMatch', `**/${file}`], {
    stdio: 'inherit',
  });
  return await new Promise((resolve) => child.once('close', (code) => resolve(code === 0)));
}

function resultOf(child: ChildProcess): Promise<ScenarioResult | undefined> {
  return new Promise((resolve) => {
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    child.once('close', () => {
      const last = output.trim().split('\n').at(-1) ?? '';
      try {
        resolve(JSON.parse(last) as ScenarioResult);
      } catch {
        resolve(undefined);
      }
    });
  });
}

const wanted = process.argv.slice(2);
const names = [...RUNS, ...TESTS].map(({ name }) => name);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`There is no run ${unknown.join(', ')}. There are: ${names.join(', ')}.`);
  process.exit(1);
}
const table = new Table({
  head: [
    'run',
    'answered',
    'wait p50/p90/p99',
    'first out',
    'replica-s',
    'peak',
    'ticks p50/p99 ms',
    'missed',
  ],
  style: { head: ['bold'], border: ['gray'], compact: true },
});
let failed = 0;
for (const run of RUNS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  console.error(`${new Date().toTimeString().slice(0, 8)} ${run.name} …`);
  const { result, missed } = await play(run);
  failed += missed.length > 0 ? 1 : 0;
  if (result) console.log(JSON.stringify({ run: run.name, ...result, missed }));
  const { requests, waitSeconds, scaling, ticks } = result ?? {};
  table.push([
    run.name,
    `${requests?.succeeded ?? 0}/${requests?.submitted ?? 0}`,
    `${waitSeconds?.p50 ?? '-'} / ${waitSeconds?.p90 ?? '-'} / ${waitSeconds?.p99 ?? '-'}`,
    scaling?.firstScaleOutSeconds ?? '-',
    scaling?.replicaSeconds ?? '-',
    scaling?.peakReplicas ?? '-',
    `${ticks?.p50Ms ?? '-'} / ${ticks?.p99Ms ?? '-'}`,
    missed.join('; '),
  ]);
}
for (const { name, file } of TESTS.filter((one) => wanted.length === 0 || wanted.includes(one.name))) {
  console.error(`${new Date().toTimeString().slice(0, 8)} ${name} …`);
  const passed = await passes(file);
  failed += passed ? 0 : 1;
  table.push([name, '', '', '', '', '', '', passed ? '' : 'a test failed: see above']);
}
console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}`);
console.log(table.toString());
process.exitCode = failed > 0 ? 1 : 0;

import Table from 'cli-table3';
import { Bench } from 'tinybench';
import { decide, type FleetMemory, initialMemory } from '../core/scaling/decide.ts';
import type { FleetPolicy, PoolObservation, Snapshot, WorkerObservation } from '../core/scaling/types.ts';
import { defaultPolicy } from '../simulation/policy.ts';

/** Decisions per second, and how they grow with pools and replicas: `node bench/core.bench.ts`. */

const EPOCH = 1_700_000_000;
const TICKS = 200;

interface Fleet {
  policy: FleetPolicy;
  at: (tick: number) => Snapshot;
}

function fleetOf(pools: number, replicas: number): Fleet {
  const [base] = defaultPolicy().pools;
  if (!base) throw new Error('the default policy has no pool');
  const policy = defaultPolicy({
    maxReplicas: 2 * replicas,
    pools: Array.from({ length: pools }, (_, index) => ({
      ...base,
      name: `pool-${index}`,
      capacityType: index % 2 === 0 ? 'on-demand' : 'spot',
      pricePerHour: index % 2 === 0 ? 1 : 0.45,
      max: replicas,
    })),
  });
  const perPool = Math.ceil(replicas / pools);
  const at = (tick: number): Snapshot => ({
    at: EPOCH + 5 * tick,
    queue: { ok: true, value: { backlog: (tick * 37) % 50, inFlight: 2 * replicas } },
    workers: { ok: true, value: policy.pools.flatMap(({ name }) => workersOf(name, perPool, tick)) },
    pools: Object.fromEntries(
      policy.pools.map(({ name }) => [name, { ok: true, value: poolOf(name, perPool) }]),
    ),
  });
  return { policy, at };
}

const workersOf = (pool: string, count: number, tick: number): WorkerObservation[] =>
  Array.from({ length: count }, (_, index) => ({
    replica: `${pool}-${index}`,
    workerId: `worker-${pool}-${index}`,
    podUid: `uid-${pool}-${index}`,
    pool,
    state: 'warm',
    slots: 4,
    busyQueue: 2,
    busyInteractive: 0,
    completedQueue: 2 * tick,
    completedInteractive: 0,
    busySlotSeconds: 10 * tick,
    renewedAt: EPOCH + 5 * tick,
    lastActiveAt: EPOCH + 5 * tick,
  }));

const poolOf = (pool: string, count: number): PoolObservation => ({
  desiredNodes: count,
  minNodes: 0,
  maxNodes: 1000,
  desiredReplicas: count,
  instances: Array.from({ length: count }, (_, index) => ({
    instanceId: `i-${pool}-${index}`,
    lifecycle: 'in-service',
    node: `node-${pool}-${index}`,
  })),
  replicas: Array.from({ length: count }, (_, index) => ({
    name: `${pool}-${index}`,
    podUid: `uid-${pool}-${index}`,
    phase: 'warm',
    awaitingWarmup: false,
    createdAt: EPOCH - 1000,
    warmAt: EPOCH - 900,
    node: `node-${pool}-${index}`,
    instanceId: `i-${pool}-${index}`,
  })),
});

const table = new Table({
  head: ['pools', 'replicas', 'decisions/s', 'mean µs', 'p99 µs', 'memory bytes'],
  colAligns: ['right', 'right', 'right', 'right', 'right', 'right'],
  style: { head: [], border: [] },
});

for (const [pools, replicas] of [
  [1, 1],
  [1, 10],
  [1, 50],
  [1, 200],
  [4, 50],
  [4, 200],
  [16, 200],
] as const) {
  const { policy, at } = fleetOf(pools, replicas);
  // A memory as full as it gets: a quarter of an hour of ticks.
  let memory: FleetMemory = initialMemory();
  for (let tick = 0; tick < TICKS; tick += 1) memory = decide(at(tick), policy, memory).memory;
  const snapshot = at(TICKS);
  const bench = new Bench({ time: 300, warmupTime: 100 });
  bench.add('decide', () => {
    decide(snapshot, policy, memory);
  });
  await bench.run();
  const result = bench.tasks[0]?.result;
  if (result?.state !== 'completed') throw new Error(`the bench did not complete: ${result?.state}`);
  const { latency, throughput } = result;
  table.push([
    pools,
    replicas,
    Math.round(throughput.mean),
    Math.round(latency.mean * 1000),
    Math.round(latency.p99 * 1000),
    JSON.stringify(memory).length,
  ]);
}

process.stdout.write(`${table.toString()}\n`);

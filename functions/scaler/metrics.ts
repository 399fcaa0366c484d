import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { FleetPolicy, Plan, Snapshot } from '../../core/scaling/types.ts';

/** The figures of one tick. What was not read is absent: it is not zero. */
export interface Figures {
  tickMs: number;
  memoryBytes?: number;
  plan?: Plan;
  snapshot?: Snapshot;
  policy?: FleetPolicy;
  readingFailures: number;
  commandFailures: number;
  left: boolean;
}

/** Where the figures go. */
export interface Gauges {
  record(figures: Figures): void;
  /** The tick came to nothing. */
  failed(): void;
}

/** CloudWatch metrics in the namespace `Paddock`, one line in the embedded format for each tick. */
export class EmbeddedGauges implements Gauges {
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  record(figures: Figures): void {
    this.#metrics.addMetric('TickDuration', MetricUnit.Milliseconds, figures.tickMs);
    for (const [name, value] of Object.entries(counts(figures))) {
      if (value !== undefined) this.#metrics.addMetric(name, MetricUnit.Count, value);
    }
    if (figures.memoryBytes !== undefined) {
      this.#metrics.addMetric('MemorySize', MetricUnit.Bytes, figures.memoryBytes);
    }
  }

  failed(): void {
    this.#metrics.addMetric('TickFailures', MetricUnit.Count, 1);
  }
}

function counts(figures: Figures): Record<string, number | undefined> {
  const { plan, snapshot, readingFailures, commandFailures } = figures;
  const queue = snapshot?.queue.ok ? snapshot.queue.value : undefined;
  return {
    Backlog: queue?.backlog,
    InFlight: queue?.inFlight,
    ReplicasWanted: plan?.wanted,
    ReplicasWarm: warmReplicas(snapshot),
    NodesOnDemand: nodes(figures, 'on-demand'),
    NodesSpot: nodes(figures, 'spot'),
    ReadingFailures: readingFailures,
    CommandFailures: commandFailures,
    TicksLeft: figures.left ? 1 : 0,
  };
}

function warmReplicas(snapshot?: Snapshot): number | undefined {
  const pools = Object.values(snapshot?.pools ?? {});
  if (pools.length === 0 || pools.some((pool) => !pool.ok)) return undefined;
  return pools.reduce(
    (sum, pool) => sum + (pool.ok ? pool.value.replicas.filter(({ phase }) => phase === 'warm').length : 0),
    0,
  );
}

/** Instances in service. Undefined when a pool of that kind was not read. */
function nodes({ policy, snapshot }: Figures, capacityType: 'on-demand' | 'spot'): number | undefined {
  let sum = 0;
  for (const pool of policy?.pools.filter((one) => one.capacityType === capacityType) ?? []) {
    const reading = snapshot?.pools[pool.name];
    if (!reading?.ok) return undefined;
    sum += reading.value.instances.filter(({ lifecycle }) => lifecycle === 'in-service').length;
  }
  return snapshot ? sum : undefined;
}

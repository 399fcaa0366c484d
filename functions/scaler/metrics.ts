import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { DIMENSION, FLEET_METRIC as FLEET, POOL_METRIC as POOL } from '../../core/protocol/metrics.ts';
import type { FleetPolicy, Plan, PoolObservation, Snapshot } from '../../core/scaling/types.ts';

/** The figures of one tick. What was not read is absent: it is not zero. */
export interface Figures {
  tickMs: number;
  memoryBytes?: number;
  plan?: Plan;
  snapshot?: Snapshot;
  policy?: FleetPolicy;
  readingFailures: number;
  commandFailures: number;
}

/** Where the figures go. */
export interface Gauges {
  record(figures: Figures): void;
  /** The tick came to nothing. */
  failed(): void;
}

type Unit = (typeof MetricUnit)[keyof typeof MetricUnit];
type Values = readonly (readonly [name: string, unit: Unit, value: number | undefined])[];

/** CloudWatch metrics in the embedded format: one line for each tick, and one for each pool that was read. */
export class EmbeddedGauges implements Gauges {
  readonly #ofFleet: Metrics;
  readonly #ofPool: Metrics;

  /**
   * @param ofFleet flushed at the end of the invocation, with the fleet as a dimension
   * @param ofPool another one, flushed here for each pool
   */
  constructor(ofFleet: Metrics, ofPool: Metrics) {
    this.#ofFleet = ofFleet;
    this.#ofPool = ofPool;
  }

  record(figures: Figures): void {
    write(this.#ofFleet, fleetValues(figures));
    for (const [fleet, pool, values] of poolValues(figures)) {
      this.#ofPool.addDimension(DIMENSION.fleet, fleet).addDimension(DIMENSION.pool, pool);
      write(this.#ofPool, values);
      this.#ofPool.publishStoredMetrics();
    }
  }

  failed(): void {
    this.#ofFleet.addMetric(FLEET.tickFailures, MetricUnit.Count, 1);
  }
}

function write(metrics: Metrics, values: Values): void {
  for (const [name, unit, value] of values) if (value !== undefined) metrics.addMetric(name, unit, value);
}

function fleetValues(figures: Figures): Values {
  const { plan, snapshot } = figures;
  const whenWorkersRead = snapshot?.workers.ok ? plan?.numbers : undefined;
  const whenQueueRead = snapshot?.queue.ok ? plan?.numbers : undefined;
  return [
    [FLEET.tickDuration, MetricUnit.Milliseconds, figures.tickMs],
    [FLEET.readingFailures, MetricUnit.Count, figures.readingFailures || undefined],
    [FLEET.commandFailures, MetricUnit.Count, figures.commandFailures || undefined],
    [FLEET.memorySize, MetricUnit.Bytes, figures.memoryBytes],
    [FLEET.expectedWait, MetricUnit.Seconds, whenQueueRead?.expectedWaitSeconds],
    [FLEET.arrivalRate, MetricUnit.CountPerSecond, whenQueueRead?.arrivalRate],
    [FLEET.serviceRate, MetricUnit.CountPerSecond, plan?.numbers.serviceRate],
    [FLEET.leadTime, MetricUnit.Seconds, plan?.numbers.leadSeconds],
    [FLEET.replicasWanted, MetricUnit.Count, plan?.wanted],
    [FLEET.replicasWarm, MetricUnit.Count, overPools(figures, () => true, warm)],
    [FLEET.nodesOnDemand, MetricUnit.Count, nodes(figures, 'on-demand')],
    [FLEET.nodesSpot, MetricUnit.Count, nodes(figures, 'spot')],
    [FLEET.busySlotsQueue, MetricUnit.Count, whenWorkersRead?.busyQueue],
    [FLEET.busySlotsInteractive, MetricUnit.Count, whenWorkersRead?.busyInteractive],
    [
      FLEET.replicasFailing,
      MetricUnit.Count,
      plan?.cold?.filter(({ failures }) => failures > 0).length || undefined,
    ],
    [FLEET.pricePerHour, MetricUnit.NoUnit, plan?.pricePerHour],
    [
      FLEET.quarantinedPools,
      MetricUnit.Count,
      plan?.reasons.filter(({ rule }) => rule === 'quarantine').length || undefined,
    ],
    [FLEET.capacityShortfall, MetricUnit.Count, plan?.numbers.shortfall || undefined],
  ];
}

function poolValues({ policy, plan, snapshot }: Figures): [fleet: string, pool: string, values: Values][] {
  return (policy?.pools ?? []).flatMap(({ name }) => {
    const reading = snapshot?.pools[name];
    if (!policy || !plan || !reading?.ok) return [];
    const parts = plan.leads?.[name]?.parts;
    const values: Values = [
      [POOL.replicasWanted, MetricUnit.Count, plan.wantedByPool[name]],
      [POOL.replicasWarm, MetricUnit.Count, warm(reading.value)],
      [POOL.leadTimeBoot, MetricUnit.Seconds, parts?.boot],
      [POOL.leadTimeImage, MetricUnit.Seconds, parts?.image],
      [POOL.leadTimeFill, MetricUnit.Seconds, parts?.fill],
      [POOL.leadTimeLoad, MetricUnit.Seconds, parts?.load],
      [POOL.leadTimeFirstToken, MetricUnit.Seconds, parts?.firstToken],
      [POOL.leadTimeOther, MetricUnit.Seconds, parts?.other],
    ];
    return [[policy.fleet, name, values]];
  });
}

/** Instances in service. */
const nodes = (figures: Figures, capacityType: 'on-demand' | 'spot'): number | undefined =>
  overPools(
    figures,
    (pool) => pool.capacityType === capacityType,
    ({ instances }) => instances.filter(({ lifecycle }) => lifecycle === 'in-service').length,
  );

const warm = ({ replicas }: PoolObservation): number =>
  replicas.filter(({ phase }) => phase === 'warm').length;

/** The sum over such pools. Undefined when one of them was not read. */
function overPools(
  { policy, snapshot }: Figures,
  isOne: (pool: FleetPolicy['pools'][number]) => boolean,
  count: (pool: PoolObservation) => number,
): number | undefined {
  if (!policy || !snapshot) return undefined;
  let sum = 0;
  for (const { name } of policy.pools.filter(isOne)) {
    const reading = snapshot.pools[name];
    if (!reading?.ok) return undefined;
    sum += count(reading.value);
  }
  return sum;
}

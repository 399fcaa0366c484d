import { Metrics } from '@aws-lambda-powertools/metrics';
import type { Plan, Snapshot } from '../../../core/scaling/types.ts';
import { EmbeddedGauges, type Figures } from '../../../functions/scaler/metrics.ts';
import { captured } from '../capture.ts';
import { policy } from './world.ts';

const POOL = policy().pools[0];
if (!POOL) throw new Error('the fixture has a pool');
const fleet = policy({ pools: [POOL, { ...POOL, name: 'cheap', capacityType: 'spot' }] });

const plan: Plan = {
  ...{ fleet: 'cpu', at: 1, summary: 'hold', commands: [], again: true, wanted: 3, pricePerHour: 2.5 },
  wantedByPool: { main: 1, cheap: 2 },
  reasons: [{ rule: 'quarantine', text: 'Pool cheap failed to give capacity.', numbers: {} }],
  numbers: {
    expectedWaitSeconds: 4,
    arrivalRate: 2,
    serviceRate: 0.5,
    leadSeconds: 90,
    busyQueue: 1,
    busyInteractive: 2,
  },
};

const observed = (instances: number): Snapshot['pools'][string] => ({
  ok: true,
  value: {
    ...{ desiredNodes: 2, minNodes: 0, maxNodes: 5, desiredReplicas: 2, replicas: [] },
    instances: [
      ...Array.from({ length: instances }, (_, i) => ({
        instanceId: `i-${i}`,
        lifecycle: 'in-service' as const,
      })),
      { instanceId: 'i-new', lifecycle: 'pending' },
    ],
  },
});

const snapshot: Snapshot = {
  at: 1,
  queue: { ok: true, value: { backlog: 3, inFlight: 1 } },
  workers: { ok: true, value: [] },
  pools: { main: observed(1), cheap: observed(2) },
};

const unread = { ok: false, error: 'no answer' } as const;

/** The line of the fleet, and those of its pools. */
async function written(figures: Partial<Figures>) {
  const ofFleet = new Metrics({ namespace: 'Paddock', serviceName: 'scaler' });
  const ofPool = new Metrics({ namespace: 'Paddock', serviceName: 'scaler' });
  const { lines } = await captured(async () => {
    const all = {
      tickMs: 5,
      readingFailures: 0,
      commandFailures: 0,
      plan,
      snapshot,
      policy: fleet,
      ...figures,
    };
    new EmbeddedGauges(ofFleet, ofPool).record(all);
    ofFleet.publishStoredMetrics();
  });
  const metrics = lines.filter((line) => '_aws' in line);
  return {
    fleet: metrics.find((line) => !('pool' in line)),
    pools: metrics.filter((line) => 'pool' in line),
  };
}

describe('the metrics of a tick', () => {
  it('are what the plan says and what was seen', async () => {
    const { fleet, pools } = await written({});
    expect(fleet).toMatchObject({
      ...{ ExpectedWait: 4, ArrivalRate: 2, ServiceRate: 0.5, LeadTime: 90, PricePerHour: 2.5 },
      ...{ BusySlotsQueue: 1, BusySlotsInteractive: 2, QuarantinedPools: 1, ReplicasWanted: 3 },
      // An instance that is still starting is no node yet.
      ...{ NodesOnDemand: 1, NodesSpot: 2 },
    });
    expect(pools).toEqual([
      expect.objectContaining({ fleet: 'cpu', pool: 'main', PoolReplicasWanted: 1, PoolReplicasWarm: 0 }),
      expect.objectContaining({ fleet: 'cpu', pool: 'cheap', PoolReplicasWanted: 2, PoolReplicasWarm: 0 }),
    ]);
  });

  it('tell the parts of a lead time that was learned, and how many replicas fail', async () => {
    const parts = { boot: 40, image: 20, fill: 25, load: 8, firstToken: 1, other: 1 };
    const cold = (failures: number) => ({ pool: 'main', replica: 'x', reason: '', failures, seconds: 1 });
    const { fleet, pools } = await written({
      plan: { ...plan, leads: { main: { seconds: 95, parts, deviation: 3 } }, cold: [cold(0), cold(2)] },
    });
    expect(pools[0]).toMatchObject({
      ...{ PoolLeadTimeBoot: 40, PoolLeadTimeImage: 20, PoolLeadTimeFill: 25 },
      ...{ PoolLeadTimeLoad: 8, PoolLeadTimeFirstToken: 1, PoolLeadTimeOther: 1 },
    });
    expect(pools[1]).not.toHaveProperty('PoolLeadTimeBoot');
    expect(fleet).toHaveProperty('ReplicasFailing', 1);
    expect((await written({})).fleet).not.toHaveProperty('ReplicasFailing');
  });

  it.each([
    ['the workers', { workers: unread }, ['BusySlotsQueue', 'BusySlotsInteractive'], 'ExpectedWait'],
    ['the queue', { queue: unread }, ['ExpectedWait', 'ArrivalRate'], 'BusySlotsQueue'],
    [
      'a spot pool',
      { pools: { main: observed(1), cheap: unread } },
      ['NodesSpot', 'ReplicasWarm'],
      'NodesOnDemand',
    ],
  ])('leave out, rather than call zero, what %s would have told', async (_name, missing, absent, present) => {
    const { fleet } = await written({ snapshot: { ...snapshot, ...missing } });
    for (const name of absent) expect(fleet).not.toHaveProperty(name);
    expect(fleet).toHaveProperty(present);
  });

  it('name no pool that was not read', async () => {
    const { pools } = await written({
      snapshot: { ...snapshot, pools: { main: observed(1), cheap: unread } },
    });
    expect(pools.map(({ pool }) => pool)).toEqual(['main']);
  });
});

import fc from 'fast-check';
import type { FleetHealth, HealthObservation, NodeGroupHealth } from '../../../core/health/observations.ts';
import { judge } from '../../../core/health/verdict.ts';
import type { PoolObservation, Reading, ReplicaObservation } from '../../../core/scaling/types.ts';
import { policy } from '../../functions/scaler/world.ts';

const AT = 1_800_000_000;
const read = <T>(value: T): Reading<T> => ({ ok: true, value });
const FAILED = { ok: false, error: 'AccessDenied: not allowed' } as const;

const replica = (changes: Partial<ReplicaObservation> = {}): ReplicaObservation => ({
  ...{ name: 'cpu-main-0', podUid: 'u0', phase: 'warm', awaitingWarmup: false, createdAt: AT - 900 },
  ...changes,
});

const pool = (changes: Partial<PoolObservation> = {}): PoolObservation => ({
  ...{ desiredNodes: 1, minNodes: 0, maxNodes: 5, desiredReplicas: 1 },
  instances: [{ instanceId: 'i-0', lifecycle: 'in-service', node: 'n0' }],
  replicas: [replica()],
  ...changes,
});

const answered = {
  replica: 'cpu-main-0',
  answer: read({ v: 1 as const, models: [{ model: 'tiny', seconds: 0.2 }] }),
};
const broken = {
  replica: 'cpu-main-1',
  answer: read({ v: 1 as const, models: [{ model: 'tiny', seconds: 10, error: 'no token within 10 s' }] }),
};
const busy = { replica: 'cpu-main-0', answer: read({ v: 1 as const, refused: 'busy' as const, models: [] }) };

const worker = (changes: object = {}) => ({
  ...{ replica: 'cpu-main-0', workerId: 'w', podUid: 'u0', pool: 'main', state: 'warm' as const, slots: 1 },
  ...{ busyQueue: 1, busyInteractive: 0, completedQueue: 0, completedInteractive: 0, busySlotSeconds: 0 },
  ...{ renewedAt: AT, lastActiveAt: AT - 5 },
  ...changes,
});

const fleet = (changes: Partial<FleetHealth> = {}): FleetHealth => ({
  fleet: 'cpu',
  policy: policy(),
  pools: { main: read(pool()) },
  pods: read([
    {
      name: 'cpu-main-0',
      pool: 'main',
      createdAt: AT - 900,
      isReady: true,
      isTerminating: false,
      isDraining: false,
      node: 'n0',
    },
  ]),
  nodes: read([{ name: 'n0' }]),
  workers: read([worker()]),
  canaries: [answered],
  queue: read({ backlog: 0, inFlight: 1 }),
  deadLetters: read(0),
  tick: read({ at: AT - 3, failures: [], wanted: 1, quarantined: [] }),
  ...changes,
});

const nodeGroup = (changes: Partial<NodeGroupHealth> = {}): NodeGroupHealth => ({
  ...{ name: 'g', status: 'ACTIVE', issues: [], autoScalingGroups: ['eks-g'] },
  ...changes,
});

const system = (
  changes: Partial<FleetHealth> = {},
  more: Partial<HealthObservation> = {},
): HealthObservation => ({
  at: AT,
  clusterName: 'paddock',
  cluster: read({ status: 'ACTIVE', version: '1.36', issues: [] }),
  nodeGroups: read([nodeGroup({ name: 'paddock-cpu-main' })]),
  fleets: { cpu: read(fleet(changes)) },
  ...more,
});

/** The checks that are not healthy. */
const findings = (seen: HealthObservation) => judge(seen).checks.filter(({ status }) => status !== 'healthy');

it('is healthy when everything is, and says what it saw', () => {
  const { verdict, at, checks } = judge(system());
  expect([verdict, at]).toEqual(['healthy', new Date(AT * 1000).toISOString()]);
  expect(checks.map(({ name, evidence }) => `${name}: ${evidence}`)).toEqual([
    'cluster: EKS 1.36 is ACTIVE',
    'node group paddock-cpu-main: ACTIVE',
    'pool cpu/main: 1 warm of 1 replicas, 1 of 1 nodes in service',
    'nodes cpu: 1 nodes, all Ready',
    'pods cpu: 1 pods, none stuck',
    'models cpu: tiny answers on cpu-main-0 in 0.20 s',
    'queue cpu: 0 waiting, 1 in flight',
    'dead letters cpu: none',
    'ticks cpu: the last 3 s ago, 1 replicas wanted',
  ]);
  expect(checks.every(({ next }) => next === undefined)).toBe(true);
});

describe('what is found', () => {
  const cases: [string, HealthObservation, string, 'degraded' | 'unhealthy', RegExp, RegExp][] = [
    [
      'a cluster that failed',
      system(
        {},
        {
          cluster: read({
            status: 'FAILED',
            version: '1.36',
            issues: [{ code: 'Ec2SubnetNotFound', message: 'gone' }],
          }),
        },
      ),
      'cluster',
      'unhealthy',
      /FAILED; Ec2SubnetNotFound: gone/,
      /EKS console/,
    ],
    [
      'a node group that can not launch',
      system(
        {},
        {
          nodeGroups: read([
            nodeGroup({
              status: 'DEGRADED',
              issues: [{ code: 'AsgInstanceLaunchFailures', message: 'Could not launch Spot Instances.' }],
            }),
          ]),
        },
      ),
      'node group g',
      'degraded',
      /Could not launch Spot/,
      /capacity, quota/,
    ],
    [
      'a node group that could not be made',
      system({}, { nodeGroups: read([nodeGroup({ status: 'CREATE_FAILED' })]) }),
      'node group g',
      'unhealthy',
      /CREATE_FAILED/,
      /EKS console/,
    ],
    [
      'a replica that does not get warm',
      system({
        pools: {
          main: read(
            pool({
              desiredReplicas: 2,
              replicas: [replica(), replica({ name: 'cpu-main-1', phase: 'starting', createdAt: AT - 301 })],
            }),
          ),
        },
      }),
      'pool cpu/main',
      'degraded',
      /1 warm of 2 replicas.*cpu-main-1 for 301 s/,
      /not-warm/,
    ],
    [
      'a pool in quarantine',
      system({ tick: read({ at: AT, failures: [], wanted: 1, quarantined: ['main'] }) }),
      'pool cpu/main',
      'degraded',
      /not asked for capacity/,
      /explain/,
    ],
    [
      'a node that is not Ready',
      system({
        nodes: read([
          { name: 'n0' },
          { name: 'n1', notReady: { since: AT - 181, why: 'KubeletNotReady: cni plugin not initialized' } },
        ]),
      }),
      'nodes cpu',
      'degraded',
      /1 of 2 nodes.*n1 for 181 s: KubeletNotReady/,
      /kubectl describe node/,
    ],
    [
      'a container that crashes again and again, at once',
      system({
        pods: read([
          {
            name: 'p',
            pool: 'main',
            createdAt: AT - 20,
            isReady: false,
            isTerminating: false,
            isDraining: false,
            node: 'n0',
            trouble: 'ollama CrashLoopBackOff after 4 restarts',
          },
        ]),
      }),
      'pods cpu',
      'degraded',
      /p: ollama CrashLoopBackOff after 4/,
      /describe pod/,
    ],
    [
      'a pod that has found no node for long',
      system({
        pods: read([
          {
            name: 'p',
            pool: 'main',
            createdAt: AT - 400,
            isReady: false,
            isTerminating: false,
            isDraining: false,
            trouble: 'Unschedulable: 0/3 nodes',
          },
        ]),
      }),
      'pods cpu',
      'degraded',
      /Unschedulable/,
      /pods-stay-pending/,
    ],
    [
      'a model that does not answer',
      system({ canaries: [broken] }),
      'models cpu',
      'unhealthy',
      /cpu-main-1, tiny: no token/,
      /ollama/,
    ],
    [
      'one replica of several whose model does not answer',
      system({ canaries: [broken, answered] }),
      'models cpu',
      'degraded',
      /cpu-main-1, tiny: no token.*tiny answers on cpu-main-0/,
      /ollama/,
    ],
    [
      'a worker that is out of reach',
      system({ canaries: [{ replica: 'r', answer: FAILED }] }),
      'models cpu',
      'unhealthy',
      /r gives no answer: AccessDenied/,
      /ollama/,
    ],
    [
      'slots that hang',
      system({ canaries: [busy], workers: read([worker({ lastActiveAt: AT - 901 })]) }),
      'models cpu',
      'degraded',
      /no request has begun or ended for 901 s/,
      /hang/,
    ],
    [
      'no replica where there should be one',
      system({
        canaries: [],
        pools: { main: read(pool({ replicas: [] })) },
        queue: read({ backlog: 7, inFlight: 0 }),
      }),
      'models cpu',
      'unhealthy',
      /no replica is warm, 7 requests wait/,
      /explain/,
    ],
    [
      'requests that wait',
      system({ queue: read({ backlog: 9, inFlight: 1, oldestSeconds: 91 }) }),
      'queue cpu',
      'degraded',
      /9 waiting, 1 in flight, the oldest for 91 s; more than 90 s/,
      /oldest-message/,
    ],
    [
      'requests that wait for ever',
      system({ queue: read({ backlog: 9, inFlight: 1, oldestSeconds: 271 }) }),
      'queue cpu',
      'unhealthy',
      /271 s/,
      /oldest-message/,
    ],
    [
      'dead letters',
      system({ deadLetters: read(2) }),
      'dead letters cpu',
      'degraded',
      /2 requests were given up/,
      /paddock dlq/,
    ],
    [
      'a tick that failed in part',
      system({
        tick: read({ at: AT, failures: ['read the queue: AccessDenied'], wanted: 1, quarantined: [] }),
      }),
      'ticks cpu',
      'degraded',
      /AccessDenied/,
      /reading-failures/,
    ],
    [
      'ticks that are late',
      system({ tick: read({ at: AT - 181, failures: [], wanted: 1, quarantined: [] }) }),
      'ticks cpu',
      'degraded',
      /181 s ago/,
      /no-tick/,
    ],
    [
      'ticks that have ended',
      system({ tick: read({ at: AT - 601, failures: [], wanted: 1, quarantined: [] }) }),
      'ticks cpu',
      'unhealthy',
      /not scaled/,
      /no-tick/,
    ],
    [
      'no tick at all',
      system({ tick: read(undefined) }),
      'ticks cpu',
      'degraded',
      /none is stored/,
      /schedule/,
    ],
  ];
  it.each(cases)('%s', (_, seen, name, status, evidence, next) => {
    expect(findings(seen)).toEqual([
      { name, status, evidence: expect.stringMatching(evidence), next: expect.stringMatching(next) },
    ]);
    expect(judge(seen).verdict).toBe(status);
  });
});

describe('what is as it should be', () => {
  const asleep = { ...policy({ minReplicas: 0 }) };
  const none = { main: read(pool({ desiredNodes: 0, desiredReplicas: 0, instances: [], replicas: [] })) };
  const idle = read({ at: AT, failures: [], wanted: 0, quarantined: [] });
  const cases: [string, Partial<FleetHealth>][] = [
    [
      'a fleet that sleeps',
      { policy: asleep, pools: none, canaries: [], pods: read([]), nodes: read([]), tick: idle },
    ],
    [
      'a replica that starts',
      {
        pools: {
          main: read(
            pool({
              desiredReplicas: 2,
              replicas: [replica(), replica({ phase: 'starting', createdAt: AT - 299 })],
            }),
          ),
        },
      },
    ],
    ['every slot taken', { canaries: [busy] }],
    [
      'a pod that is leaving',
      {
        pods: read([
          {
            name: 'p',
            pool: 'main',
            createdAt: AT - 999,
            isReady: false,
            isTerminating: true,
            isDraining: false,
            trouble: 'x',
          },
        ]),
      },
    ],
    [
      'a pod that scale-in drains, however old it is',
      {
        pods: read([
          {
            name: 'p',
            pool: 'main',
            createdAt: AT - 999,
            isReady: false,
            isTerminating: false,
            isDraining: true,
          },
        ]),
      },
    ],
    [
      'a replica that turned cold a while ago, however old it is',
      {
        pools: {
          main: read(pool({ replicas: [replica(), replica({ phase: 'starting', unreadySince: AT - 299 })] })),
        },
        pods: read([
          {
            ...{ name: 'p', pool: 'main', createdAt: AT - 999, unreadySince: AT - 299, node: 'n' },
            ...{ isReady: false, isTerminating: false, isDraining: false },
          },
        ]),
      },
    ],
    [
      'a node that boots, or ends',
      { nodes: read([{ name: 'n0' }, { name: 'n1', notReady: { since: AT - 179, why: 'Unknown' } }]) },
    ],
    ['messages of whose age nothing is known yet', { queue: read({ backlog: 5, inFlight: 0 }) }],
  ];
  it.each(cases)('%s', (_, changes) => {
    expect(findings(system(changes))).toEqual([]);
  });

  it('a cluster that is being updated', () => {
    const updating = { status: 'UPDATING', issues: [] };
    const seen = system(
      {},
      { cluster: read({ ...updating, version: '1.36' }), nodeGroups: read([nodeGroup(updating)]) },
    );
    expect(judge(seen).verdict).toBe('healthy');
  });

  it('a fleet that wakes is no outage, and no good news', () => {
    const starting = read(pool({ replicas: [replica({ phase: 'starting', createdAt: AT - 20 })] }));
    const seen = system({
      policy: asleep,
      canaries: [],
      pools: { main: starting },
      queue: read({ backlog: 1, inFlight: 0 }),
    });
    expect(findings(seen)).toMatchObject([
      { name: 'models cpu', status: 'degraded', evidence: expect.stringContaining('1 start') },
    ]);
  });
});

it('never calls healthy what could not be read', () => {
  const readings = [
    'pods',
    'nodes',
    'workers',
    'queue',
    'deadLetters',
    'tick',
    'pool',
    'fleet',
    'cluster',
    'nodeGroups',
  ] as const;
  fc.assert(
    fc.property(fc.subarray([...readings], { minLength: 1 }), (lost) => {
      const has = (name: (typeof readings)[number]) => lost.includes(name);
      const changes = Object.fromEntries(
        (['pods', 'nodes', 'workers', 'queue', 'deadLetters', 'tick'] as const)
          .filter(has)
          .map((name) => [name, FAILED]),
      );
      const seen = system(
        { ...changes, ...(has('pool') ? { pools: { main: FAILED } } : {}) },
        {
          ...(has('cluster') ? { cluster: FAILED } : {}),
          ...(has('nodeGroups') ? { nodeGroups: FAILED } : {}),
          ...(has('fleet') ? { fleets: { cpu: FAILED } } : {}),
        },
      );
      const { verdict, checks } = judge(seen);
      expect(verdict).not.toBe('healthy');
      const unknown = checks.filter(({ status }) => status === 'unknown');
      expect(unknown.length).toBeGreaterThan(0);
      for (const check of unknown)
        expect(check).toMatchObject({
          evidence: expect.stringContaining('AccessDenied'),
          next: expect.any(String),
        });
    }),
  );
});

it('stays small enough for a state machine to carry', () => {
  const pods = Array.from({ length: 500 }, (_, i) => ({
    ...{ name: `p${i}`, pool: 'main', createdAt: 0, isReady: false, isTerminating: false, isDraining: false },
    trouble: 'x'.repeat(5000),
  }));
  expect(JSON.stringify(judge(system({ pods: read(pods) }))).length).toBeLessThan(5000);
});

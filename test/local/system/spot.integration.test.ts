import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { LABEL, NAMESPACE, nodegroupName } from '../../../core/protocol/names.ts';
import { recordedCalls } from '../../../local/permissions/recorder.ts';
import type { Execution } from '../../../local/step-functions/engine.ts';
import { machineNamed } from '../../../local/system/from-template.ts';
import { expectRecorded } from '../../permissions/recordings.ts';
import { BUILD_TIMEOUT_MS } from '../cluster/support.ts';
import { verdictOf } from './actions.ts';
import { FLEET, POOL, SPOT, SPOT_SERVICE_SECONDS, spotConfig } from './config.ts';
import { TestSystem } from './fixture.ts';

let t: TestSystem;

beforeAll(async () => {
  t = await TestSystem.start(spotConfig(), {
    serviceSeconds: 'by-request',
    awsDelays: { launchRetrySeconds: 3, syncSeconds: 1 },
  });
  await t.addTriggers();
  t.scale({ ageSeconds: 0, after: '' });
  await t.until('one on-demand and two spot replicas', atRest);
}, BUILD_TIMEOUT_MS);

afterAll(() => t?.stop());

const counts = (pool: string) => t.system.watch.pools()[pool];
const warm = (pool: string) => counts(pool)?.warm ?? 0;
const nodegroup = (pool: string) => nodegroupName(t.system.config.cluster.name, FLEET, pool);
const groupOf = (pool: string) => t.system.emulators.autoscaling.group(nodegroup(pool));
const issues = (pool: string) =>
  t.system.emulators.eks.describeNodegroup({
    ...{ clusterName: t.system.config.cluster.name, nodegroupName: nodegroup(pool) },
  }).nodegroup.health?.issues ?? [];
function atRest(): boolean {
  const isAt = (pool: string, replicas: number) =>
    counts(pool)?.desired === replicas &&
    warm(pool) === replicas &&
    groupOf(pool).desiredCapacity === replicas;
  return isAt(POOL, 1) && isAt(SPOT, 2) && t.system.watch.pods === 3;
}

/** Instances of the spot pool by the pod on them. */
async function spotInstances(): Promise<Map<string, string>> {
  const labelSelector = `${LABEL.fleet}=${FLEET},${LABEL.pool}=${SPOT}`;
  const { items } = await kubernetes().listNamespacedPod({ namespace: NAMESPACE, labelSelector });
  const instances = new Map([...groupOf(SPOT).instances.values()].map(({ nodeName, id }) => [nodeName, id]));
  return new Map(
    items.flatMap(({ metadata, spec }) => {
      const instance = instances.get(spec?.nodeName ?? '');
      return instance ? [[metadata?.name ?? '', instance] as const] : [];
    }),
  );
}

const kubernetes = () => {
  const config = new KubeConfig();
  config.loadFromFile(t.system.cluster.kubeconfigPath);
  return config.makeApiClient(CoreV1Api);
};

const executions = (): Execution[] => t.system.engine.executions(machineNamed(t.system.app, 'Spot'));
const outcomes = () => executions().map(({ output }) => JSON.parse(output ?? '{}').noted?.result?.outcome);

it('an event about a node of someone else changes nothing', async () => {
  const plans = t.seen.plans.length;
  t.system.emulators.events.emit({
    source: 'aws.ec2',
    detailType: 'EC2 Spot Instance Interruption Warning',
    resources: ['arn:aws:ec2:us-east-1a:instance/i-0fedcba9876543210'],
    detail: { 'instance-id': 'i-0fedcba9876543210', 'instance-action': 'terminate' },
  });
  await t.until('the end of its execution', () => outcomes().includes('not-ours'));
  await t.nextPlan('any', () => true);
  expect(t.seen.plans.slice(plans).flatMap(({ plan }) => plan.commands)).toEqual([]);
  expect(atRest()).toBe(true);
});

it('what needs longer than an interrupted node has is handed back in time and completed elsewhere', async () => {
  const instances = await spotInstances();
  // Longer than notice and hand-back take on a busy machine.
  const ids = await t.submit(3, 4 * SPOT_SERVICE_SECONDS);
  const begun = () =>
    t.seen.models.find(
      ({ kind, pod, requestId }) => kind === 'started' && instances.has(pod) && ids.includes(requestId),
    );
  const victim = await t.until('a request on a spot replica', begun);
  const instanceId = instances.get(victim.pod) ?? '';
  // The warning comes so late that 31 of its 120 s are left: too few for the request and the time to hand it back.
  const event = {
    ...{ version: '0', id: 'late', source: 'aws.ec2', account: '111122223333', region: 'us-east-1' },
    'detail-type': 'EC2 Spot Instance Interruption Warning',
    time: new Date(Date.now() - 89_000).toISOString(),
    ...{ resources: [], detail: { 'instance-id': instanceId, 'instance-action': 'terminate' } },
  };
  // Another of its pool is asked for first, and refused.
  t.system.faults.inject({ kind: 'ice', pool: SPOT });
  const at = Date.now();
  const machine = machineNamed(t.system.app, 'Spot');
  for (const name of ['late', 'late-again']) t.system.engine.start(machine, name, JSON.stringify(event));

  const cutOff = await t.until('the hand-back', () =>
    t.seen.models.find(({ kind, requestId }) => kind === 'cut-off' && requestId === victim.requestId),
  );
  expect(cutOff.at - at).toBeLessThan(30_000);
  t.crashed.add(victim.requestId);
  await t.until('the plan that asks for another of its pool', () =>
    t.seen.plans
      .flatMap(({ plan }) => plan.commands)
      .some(
        (asked) => asked.kind === 'set-nodes' && asked.pool === SPOT && asked.from === 2 && asked.to === 3,
      ),
  );
  await t.until('the fallback', () => (counts(POOL)?.desired ?? 0) >= 2);
  t.system.faults.heal();
  await t.whenAnswered(ids);
  const served = t.seen.models.filter(
    ({ kind, requestId }) => kind === 'finished' && requestId === victim.requestId,
  );
  expect(served.map(({ pod }) => pod)).not.toContain(victim.pod);
  expect(ids.map((id) => t.seen.writes.get(id))).toEqual(ids.map(() => 1));
  await t.until('the end of both executions', () => executions().every(({ status }) => status !== 'RUNNING'));
  expect(outcomes().filter((outcome) => outcome === 'repeated')).toHaveLength(1);
  expect(t.cutOffs()).toEqual([]);
});

it('without capacity anywhere, and no event to tell: the health check finds out, what there is serves, and all comes back by itself', async () => {
  await t.until('one on-demand and two spot replicas', atRest);
  // Events of Auto Scaling come at best effort: these are lost.
  await t.system.emulators.events.handle({
    operation: 'DisableRule',
    input: { Name: `${t.system.config.cluster.name}-capacity-launches` },
  });
  for (const pool of [SPOT, POOL]) t.system.faults.inject({ kind: 'ice', pool });
  const ids = await t.submit(12, SPOT_SERVICE_SECONDS);
  // All replicas have more than they can do, however long it takes until that is found.
  const pressing = setInterval(async () => {
    if (ids.filter((id) => !t.isWritten(id)).length < 9)
      ids.push(...(await t.submit(3, SPOT_SERVICE_SECONDS)));
  }, 1000);
  try {
    await expectToServeAllTheSame(ids);
  } finally {
    clearInterval(pressing);
  }

  t.system.faults.heal();
  await t.until('more replicas', () => warm(POOL) + warm(SPOT) > 3);
  await t.whenAnswered(ids);
  expect(ids.map((id) => t.seen.writes.get(id))).toEqual(ids.map(() => 1));
  expect(t.cutOffs()).toEqual([]);
});

/** Without capacity in any pool. */
async function expectToServeAllTheSame(ids: readonly string[]): Promise<void> {
  for (const pool of [SPOT, POOL]) {
    await t.until(`EKS to find that ${pool} can't launch`, () => issues(pool).length > 0);
    const { checks } = await verdictOf(t);
    expect(checks.find(({ name }) => name === `node group ${nodegroup(pool)}`)?.status).toBe('degraded');
    await verdictOf(t);
    await t.nextPlan(`that leaves ${pool} alone`, ({ plan }) =>
      plan.reasons.some((reason) => reason.rule === 'quarantine' && reason.pool === pool),
    );
  }
  const handedOn = executions().filter(({ input }) => JSON.parse(input).source === 'paddock');
  // One execution for each failed launch, however often it is looked.
  expect(new Set(handedOn.map(({ input }) => input)).size).toBe(handedOn.length);

  await t.nextPlan('that says what is short', ({ plan }) => (plan.numbers.shortfall ?? 0) > 0);
  const answered = () => ids.filter((id) => t.isWritten(id)).length;
  const before = answered();
  await t.until('answers all the same', () => answered() > before);
  await t.until('all three of the replicas', () => warm(POOL) + warm(SPOT) === 3);
}

it('calls nothing that is not on record', async () => {
  expectRecorded('spot', await recordedCalls(t.system));
});

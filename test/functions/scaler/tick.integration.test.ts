import { rmSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { AppsV1Api, CoreV1Api, type KubernetesObject, KubernetesObjectApi } from '@kubernetes/client-node';
import { DynamoFleetState } from '../../../adapters/aws/fleet-state.ts';
import { GROUP, LABEL, NAMESPACE } from '../../../core/protocol/names.ts';
import type { TickResult } from '../../../functions/scaler/tick.ts';
import type { Cluster } from '../../../local/cluster/cluster.ts';
import type { Front } from '../../../local/front/front.ts';
import type { AwsService } from '../../../local/front/types.ts';
import { scalerAccess } from '../../../workloads/access.ts';
import { adminConfig, BUILD_TIMEOUT_MS, newStateDir, start, until } from '../../local/cluster/support.ts';
import { CLUSTER, emulate, nodegroup } from '../../local/emulators/fixtures.ts';
import {
  ACCOUNT,
  allow,
  clientFor,
  createTable,
  REGION,
  role,
  startTestFront,
} from '../../local/front/harness.ts';
import { captured } from '../capture.ts';
import { context } from '../context.ts';
import { policy } from './world.ts';

const FLEET = 'cpu';
const TABLE = 'paddock';
const PREFIX = `/paddock/${CLUSTER.name}/fleets/`;
const SCALER_ACCESS = [
  allow(
    ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:DeleteItem'],
    `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${TABLE}`,
  ),
  allow('ssm:GetParameter', `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter${PREFIX}*`),
  allow('sqs:GetQueueAttributes', `arn:aws:sqs:${REGION}:${ACCOUNT}:requests`),
  allow('eks:DescribeCluster', `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/${CLUSTER.name}`),
  allow('autoscaling:DescribeAutoScalingGroups', '*'),
];

const stateDir = newStateDir();
const before = { ...process.env };
let front: Front;
let cluster: Cluster;
let emulators: ReturnType<typeof emulate>;
let apps: AppsV1Api;
let sqs: SQSClient;
let queueUrl = '';
let handler: typeof import('../../../functions/scaler/handler.ts').handler;

beforeAll(async () => {
  front = await startTestFront({ clusterName: CLUSTER.name });
  cluster = await start(stateDir, `${front.url}/kubernetes/authenticate`);
  const { server: endpoint, caData: certificateAuthorityData } = cluster;
  emulators = emulate({ region: REGION, cluster: { ...CLUSTER, endpoint, certificateAuthorityData } });
  for (const emulator of [emulators.eks, emulators.autoscaling, emulators.ssm]) front.register(emulator);
  emulators.eks.addNodegroup(
    nodegroup({ nodegroupName: `${CLUSTER.name}-${FLEET}-main`, scalingConfig: { minSize: 0, maxSize: 20 } }),
  );
  await prepareAws();
  await prepareKubernetes();

  const scaler = front.addPrincipal({ name: 'Scaler', roleArn: role('scaler'), policies: SCALER_ACCESS });
  front.setAccessEntries([{ principalArn: role('scaler'), username: 'scaler', groups: [GROUP.scaler] }]);
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: front.url,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: scaler.accessKeyId,
    AWS_SECRET_ACCESS_KEY: scaler.secretAccessKey,
    PADDOCK_TABLE: TABLE,
    PADDOCK_FLEET_PARAMETER_PREFIX: PREFIX,
    PADDOCK_CLUSTER: CLUSTER.name,
  });
  ({ handler } = await import('../../../functions/scaler/handler.ts'));
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  process.env = before;
  emulators?.dispose();
  await cluster?.stop();
  await front?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

async function prepareAws(): Promise<void> {
  const options = clientFor(front, front.admin);
  await createTable(front, TABLE);
  sqs = new SQSClient(options);
  queueUrl = (await sqs.send(new CreateQueueCommand({ QueueName: 'requests' }))).QueueUrl ?? '';
  const parameters = {
    policy: policy(),
    clusterName: CLUSTER.name,
    queueUrl,
  };
  await new SSMClient(options).send(
    new PutParameterCommand({ Name: PREFIX + FLEET, Value: JSON.stringify(parameters), Type: 'String' }),
  );
}

async function prepareKubernetes(): Promise<void> {
  const admin = adminConfig(cluster);
  apps = admin.makeApiClient(AppsV1Api);
  const core = admin.makeApiClient(CoreV1Api);
  const objects = KubernetesObjectApi.makeApiClient(admin);
  await core.createNamespace({ body: { metadata: { name: NAMESPACE } } });
  for (const manifest of scalerAccess()) await objects.create(manifest as KubernetesObject);
  await until('the default service account', () =>
    core.readNamespacedServiceAccount({ namespace: NAMESPACE, name: 'default' }).catch(() => false),
  );
  const labels = { [LABEL.fleet]: FLEET, [LABEL.pool]: 'main' };
  const template = {
    metadata: { labels },
    spec: { nodeSelector: labels, containers: [{ name: 'main', image: 'none' }] },
  };
  const body = {
    metadata: { name: `${FLEET}-main`, labels },
    spec: { replicas: 3, selector: { matchLabels: labels }, template },
  };
  await apps.createNamespacedDeployment({ namespace: NAMESPACE, body });
}

const replicas = async (): Promise<number> =>
  (await apps.readNamespacedDeployment({ namespace: NAMESPACE, name: `${FLEET}-main` })).spec?.replicas ?? 0;

async function tick(): Promise<{ result?: TickResult; error?: Error }> {
  const event = { fleet: FLEET, trigger: 'manual', execution: 'one', startedAt: new Date().toISOString() };
  const { result, error } = await captured(() => handler(event, context));
  return { ...(result ? { result } : {}), ...(error ? { error } : {}) };
}

/** The next without a failure: a tick gives a slow answer up, and leaves it to the one after. */
const goodTick = (): Promise<TickResult> =>
  until('a tick without a failure', async () => {
    const { result } = await tick();
    return result?.failures.length === 0 && result;
  });

describe('the exported handler against real endpoints', () => {
  it('with nothing running yet: asks for nodes and keeps the plan', async () => {
    const result = await goodTick();
    expect(result).toMatchObject({ outcome: 'ticked', fleet: FLEET, failures: [], again: true });
    expect(result.setNodes).toEqual([
      {
        autoScalingGroupName: expect.stringContaining('eks-paddock-cpu-main'),
        desiredCapacity: expect.any(Number),
      },
    ]);
    const state = new DynamoFleetState(TABLE, new DynamoDBClient(clientFor(front, front.admin)));
    expect(await state.recentPlans(FLEET, 1)).toMatchObject([{ trigger: 'manual', failures: [] }]);
  });

  const endpoints: [AwsService, boolean, string][] = [
    ['sqs', true, 'read the counters of the queue'],
    ['autoscaling', false, 'describe the Auto Scaling groups'],
    ['dynamodb', false, 'take the lease of the fleet cpu'],
  ];
  it.each(endpoints)(
    '%s down: no shrink, an error that names it, recovery without a restart',
    async (service, goesOn, what) => {
      const had = await replicas();
      const heal = front.inject({ service, kind: 'down' });
      try {
        const { result, error } = await tick();
        const said = goesOn ? result?.failures.join() : error?.message;
        expect(said).toContain(what);
        expect(await replicas()).toBeGreaterThanOrEqual(had);
      } finally {
        heal();
      }
      await goodTick();
    },
  );

  it('scales the workload out on a backlog, by the scaler’s own rights', async () => {
    const had = await replicas();
    for (let i = 0; i < 60; i += 1) {
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: `${i}` }));
    }
    await goodTick();
    expect(await replicas()).toBeGreaterThan(had);
  });

  it('the apiserver down: an error that names it and the call', async () => {
    await cluster.stop();
    const { error } = await tick();
    expect(error).toMatchObject({
      name: 'TickError',
      message: expect.stringMatching(
        /list the pods of the fleet cpu at https:\/\/127\.0\.0\.1:\d+: ECONNREFUSED/,
      ),
    });
  });
});

import { Principals } from '../../../local/front/auth/principals.ts';
import { Authorizer, MAPPINGS } from '../../../local/front/iam/authorizer.ts';
import type { AwsService } from '../../../local/front/types.ts';
import { ACCOUNT, REGION } from './harness.ts';

/** Names whatever any operation may be about. */
const INPUT = {
  QueueUrl: `http://127.0.0.1:1/${ACCOUNT}/queue`,
  TableName: 'table',
  ResourceArn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/table`,
  RequestItems: { table: [] },
  Bucket: 'bucket',
  Key: 'folder/key',
  Keys: ['folder/key'],
  IfMatch: '"etag"',
  CopySource: 'other/source%20key',
  AutoScalingGroupName: 'group',
  InstanceId: 'i-1',
  Tags: [{ Key: 'k', Value: 'v', ResourceId: 'group' }],
  tags: { k: 'v' },
  clusterName: 'cluster',
  name: 'cluster',
  nodegroupName: 'nodes',
  addonName: 'coredns',
  principalArn: `arn:aws:iam::${ACCOUNT}:role/path/role`,
  AlarmName: 'alarm',
  AlarmNames: ['alarm'],
  Namespace: 'Paddock',
  Entries: [{ EventBusName: 'default' }, {}],
  Name: '/paddock/parameter',
  Names: ['/a', 'b'],
  Path: '/paddock/',
  Rule: 'rule',
  stateMachineArn: `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:scale`,
  executionArn: `arn:aws:states:${REGION}:${ACCOUNT}:execution:scale:run`,
  FunctionName: 'scaler',
  SecretId: 'paddock/keys',
};
/** Where one name means different things. */
const OWN: Partial<Record<AwsService, object>> = {
  events: { Name: 'rule' },
  scheduler: { Name: 'schedule' },
  dynamodb: { Tags: [{ Key: 'k', Value: 'v' }] },
};

const principals = new Principals('test', ACCOUNT);
const authorizer = new Authorizer({ accountId: ACCOUNT, region: REGION, emulator: () => undefined });
authorizer.admit(principals.admin);

const operations = Object.entries(MAPPINGS).flatMap(([service, mappings]) =>
  Object.keys(mappings).map((operation) => [service as AwsService, operation] as const),
);

describe('every mapping', () => {
  it.each(operations)('%s %s asks for actions and ARNs that IAM knows', async (service, operation) => {
    const input = { ...INPUT, ...OWN[service] };
    const resources = await authorizer.authorize(principals.admin, service, operation, input);
    if (service !== 'sts') expect(resources.length).toBeGreaterThan(0);
  });
});

import * as autoscaling from '@aws-sdk/client-auto-scaling';
import * as eks from '@aws-sdk/client-eks';
import * as ssm from '@aws-sdk/client-ssm';
import { type Front, startFront } from '../../local/front/front.ts';
import type { Principal } from '../../local/front/types.ts';
import { provisionCluster } from '../../local/system/provision.ts';
import { loadTemplates, type ResolvedApp } from '../../local/template/load.ts';
import type { ResolvedResource } from '../../local/template/resolve.ts';
import config from '../../paddock.config.ts';
import { emulate } from '../local/emulators/fixtures.ts';
import { clientFor } from '../local/front/harness.ts';
import { ENVIRONMENT } from '../local/template/support.ts';
import { synthesize } from './templates.ts';

/**
 * The calls that a deployment makes itself, as the templates state them and with the permissions that the templates
 * give, against the emulated services.
 */

const { accountId } = ENVIRONMENT;
const REGION = config.region;
const GROUP_NAME = 'nodegroup.resources.autoScalingGroups.0.name';

interface Call {
  service: 'EKS' | 'AutoScaling' | 'SSM';
  action: string;
  parameters: Record<string, unknown>;
  ignoreErrorCodesMatching?: string;
}
type Event = 'Create' | 'Update' | 'Delete';

/** As much of a client as this needs; the commands go by the names of the actions. */
interface Client {
  send(command: object): Promise<unknown>;
}
type Module = Record<string, new (options: object) => object>;
const SERVICES: Record<Call['service'], [Module, string]> = {
  EKS: [eks as unknown as Module, 'EKSClient'],
  AutoScaling: [autoscaling as unknown as Module, 'AutoScalingClient'],
  SSM: [ssm as unknown as Module, 'SSMClient'],
};

let front: Front;
let app: ResolvedApp;
/** By the ARN of their role. */
let principals: Map<string, Principal>;
let world: ReturnType<typeof emulate>;
/** The ASG names that the templates stand in with, and those that EKS gave. */
let realNames: Map<string, string>;

beforeAll(async () => {
  front = await startFront({ accountId, region: REGION });
  app = loadTemplates({
    assembly: synthesize(config).directory,
    ...ENVIRONMENT,
    region: REGION,
    frontUrl: front.url,
  });
  world = emulate({ accountId, region: REGION });
  for (const emulator of world.services.values()) front.register(emulator);
  provisionCluster({ ...app, parameters: [] }, world);
  principals = new Map(
    app.roles.map(({ arn, name, policies }) => [
      arn,
      front.addPrincipal({ name, roleArn: arn, policies: [...policies] }),
    ]),
  );
  realNames = new Map();
});

afterAll(async () => {
  world.dispose();
  await front.stop();
});

/** As CDK's handler makes the call: with the role of the function behind the resource. */
async function make(resource: ResolvedResource, event: Event): Promise<unknown> {
  const text = resource.properties[event];
  if (text === undefined) return undefined;
  const call = JSON.parse(String(text)) as Call;
  for (const [standIn, name] of realNames)
    if (call.parameters.AutoScalingGroupName === standIn) call.parameters.AutoScalingGroupName = name;
  return send(resource, call);
}

async function send(resource: ResolvedResource, call: Call): Promise<unknown> {
  const handler = app.functions.find(({ arn }) => arn === resource.properties.ServiceToken);
  const principal = principals.get(handler?.roleArn ?? '');
  const [module, clientName] = SERVICES[call.service];
  const ClientOf = module[clientName];
  const Command = module[`${call.action.charAt(0).toUpperCase()}${call.action.slice(1)}Command`];
  if (!principal || !ClientOf || !Command) throw new Error(`${resource.logicalId} can't be called.`);
  const client = new ClientOf({ ...clientFor(front, principal), region: REGION }) as Client;
  try {
    return await client.send(new Command(call.parameters));
  } catch (error) {
    const { ignoreErrorCodesMatching: ignored } = call;
    if (ignored && new RegExp(ignored).test((error as Error).name)) return undefined;
    throw error;
  }
}

const ofType = (type: string) => app.resources.filter((resource) => resource.type === `Custom::${type}`);
const parameter = (name: string) => world.ssm.getParameter({ Name: name }).Parameter.Value;
const suspended = () =>
  world.autoscaling
    .describeGroups({})
    .AutoScalingGroups.map(({ SuspendedProcesses }) =>
      SuspendedProcesses?.map(({ ProcessName }) => ProcessName),
    );

describe('the calls of a first deployment', () => {
  it('make every parameter', async () => {
    for (const value of ofType('InitialValue')) await make(value, 'Create');

    expect(parameter('/paddock/paddock/kubernetes-version')).toBe('1.36');
    expect(parameter('/paddock/paddock/node-groups/paddock-cpu-spot')).toBe('missing');
  });

  it('find the Auto Scaling group of each node group and suspend its rebalancing', async () => {
    expect(suspended()).toEqual(Array(7).fill([]));
    for (const description of ofType('NodegroupDescription')) {
      const { nodegroup: found } = (await make(description, 'Create')) as eks.DescribeNodegroupCommandOutput;
      realNames.set(
        String(description.attribute(GROUP_NAME)),
        String(found?.resources?.autoScalingGroups?.[0]?.name),
      );
    }
    for (const suspension of ofType('AzRebalanceSuspension')) await make(suspension, 'Create');

    expect(suspended()).toEqual(Array(7).fill(['AZRebalance']));
  });

  it('mark each serving group', async () => {
    for (const mark of ofType('NodegroupMark')) await make(mark, 'Create');

    for (const name of ['cpu-base-a', 'cpu-base-b', 'cpu-spot', 'cpu-on-demand', 'gpu-on-demand', 'gpu-spot'])
      expect(parameter(`/paddock/paddock/node-groups/paddock-${name}`)).toBe('exists');
  });
});

describe('the calls of later ones', () => {
  it('leave what an upgrade wrote, even when a parameter is made anew', async () => {
    world.ssm.putParameter({ Name: '/paddock/paddock/kubernetes-version', Value: '1.37', Overwrite: true });
    for (const event of ['Create', 'Update'] as const)
      for (const value of ofType('InitialValue')) await make(value, event);

    expect(parameter('/paddock/paddock/kubernetes-version')).toBe('1.37');
    expect(parameter('/paddock/paddock/node-groups/paddock-cpu-spot')).toBe('exists');
  });

  it('unmark groups that go, and delete the version with the last stack', async () => {
    for (const mark of ofType('NodegroupMark')) await make(mark, 'Delete');
    expect(parameter('/paddock/paddock/node-groups/paddock-cpu-spot')).toBe('missing');

    for (const value of ofType('InitialValue')) await make(value, 'Delete');
    expect(() => parameter('/paddock/paddock/kubernetes-version')).toThrow('not found');
  });
});

describe('what the role behind the calls may not do', () => {
  const suspension = () => ofType('AzRebalanceSuspension')[0] as ResolvedResource;
  const denied = { message: expect.stringContaining('is not authorized to perform') };

  it('is to touch a group of another cluster', async () => {
    const { name } = world.autoscaling.createGroup({
      name: 'eks-theirs',
      minSize: 0,
      maxSize: 1,
      desiredCapacity: 0,
      zones: [{ name: `${REGION}a`, subnetId: 'subnet-1' }],
      launch: {
        nodegroupName: 'theirs',
        capacityType: 'SPOT',
        instanceTypes: ['c6a.4xlarge'],
        labels: {},
        taints: [],
        release: '1.36.2-20260901',
        kubernetesVersion: 'v1.36.0',
      },
      tags: { 'eks:cluster-name': 'other' },
      capacityRebalance: true,
    });

    await expect(
      send(suspension(), {
        service: 'AutoScaling',
        action: 'suspendProcesses',
        parameters: { AutoScalingGroupName: name, ScalingProcesses: ['AZRebalance'] },
      }),
    ).rejects.toMatchObject(denied);
  });

  it.each([
    ['write the version', { Name: '/paddock/paddock/kubernetes-version', Value: '1.33', Overwrite: true }],
    ['mark groups of another cluster', { Name: '/paddock/other/node-groups/x', Value: 'missing' }],
  ])('is to %s', async (_, parameters) => {
    await expect(
      send(suspension(), { service: 'SSM', action: 'putParameter', parameters }),
    ).rejects.toMatchObject(denied);
  });
});

import type { Context } from 'aws-lambda';
import { parseOwners } from '../../../functions/spot/config.ts';
import { createHandler } from '../../../functions/spot/handler.ts';
import { FakeNodeGroups } from '../../fakes/aws.ts';
import { FakeNotices } from '../../fakes/notices.ts';

const AT = Date.parse('2026-03-02T09:00:00Z') / 1000;
const OWNERS = JSON.stringify([{ name: 'cpu', pools: ['base', 'spot'] }]);

function world() {
  const nodeGroups = new FakeNodeGroups();
  const group = (nodegroup: string, ...instances: string[]) => ({
    ...{ nodegroup, autoScalingGroupName: `eks-${nodegroup}-1`, desired: 1, min: 0, max: 5 },
    instances: instances.map((instanceId) => ({ instanceId, lifecycle: 'in-service' as const })),
  });
  nodeGroups.groups.set('test', [
    group('test-cpu-base', 'i-0b'),
    group('test-cpu-spot', 'i-0a', 'i-0c'),
    group('test-system', 'i-0d'),
  ]);
  const notices = new FakeNotices();
  const handler = createHandler(() => ({
    cluster: 'test',
    owners: parseOwners(OWNERS, 'test'),
    nodeGroups,
    notices,
  }));
  const call = (event: unknown) => handler(event, { functionName: 'spot' } as Context);
  return { nodeGroups, notices, call };
}

const event = (source: string, type: string, detail: object) => ({
  ...{ source, 'detail-type': type, time: '2026-03-02T09:00:00Z', detail },
});
const interruption = (id: string) =>
  event('aws.ec2', 'EC2 Spot Instance Interruption Warning', {
    'instance-id': id,
    'instance-action': 'terminate',
  });
const failed = (AutoScalingGroupName: string) =>
  event('aws.autoscaling', 'EC2 Instance Launch Unsuccessful', {
    AutoScalingGroupName,
    StatusMessage: 'Could not launch Spot Instances. UnfulfillableCapacity - No.',
  });

describe('spot', () => {
  it('keeps an interruption for the fleet whose node it is', async () => {
    const { call, notices } = world();
    const notice = { kind: 'interruption', pool: 'spot', instanceId: 'i-0a', at: AT, endsAt: AT + 120 };
    expect(await call(interruption('i-0a'))).toEqual({ outcome: 'noted', fleet: 'cpu', notice });
    expect(await notices.list('cpu', 0)).toEqual([notice]);
  });

  it('says of the same event that it is known', async () => {
    const { call, notices } = world();
    await call(interruption('i-0a'));
    expect(await call(interruption('i-0a'))).toMatchObject({ outcome: 'repeated', fleet: 'cpu' });
    expect(await notices.list('cpu', 0)).toHaveLength(1);
  });

  it("keeps a failed launch by its Auto Scaling group, a node group's issue by its name", async () => {
    const { call, notices } = world();
    expect(await call(failed('eks-test-cpu-spot-1'))).toMatchObject({
      notice: { kind: 'launch-failure', pool: 'spot', code: 'UnfulfillableCapacity' },
    });
    const issue = event('paddock', 'Node Group Health Issue', {
      ...{ nodegroupName: 'test-cpu-base', code: 'AsgInstanceLaunchFailures', message: '' },
    });
    expect(await call(issue)).toMatchObject({ notice: { kind: 'launch-failure', pool: 'base' } });
    expect(await notices.list('cpu', 0)).toHaveLength(2);
  });

  it.each([
    ['a node of no cluster of ours', interruption('i-09')],
    ["the system's nodes, which are no pool", interruption('i-0d')],
    ['a group of another cluster', failed('eks-other-cpu-spot-1')],
    ['another kind of event', event('aws.ec2', 'EC2 Instance State-change Notification', {})],
  ])('does nothing about %s', async (_, other) => {
    const { call, notices } = world();
    expect(await call(other)).toMatchObject({ outcome: 'not-ours', reason: expect.any(String) });
    expect(notices.callsOf('add')).toEqual([]);
  });

  it('refuses an event of a known kind that makes no sense, by a name that the machine does not retry', async () => {
    const { call } = world();
    await expect(call(interruption('nonsense'))).rejects.toMatchObject({ name: 'InvalidEvent' });
  });

  it.each([
    ['Auto Scaling', 'list' as const],
    ['the table', 'add' as const],
  ])('fails when %s is out of reach, so that it is tried again', async (_, method) => {
    const { call, nodeGroups, notices } = world();
    (method === 'list' ? nodeGroups : notices).fail(method);
    await expect(call(interruption('i-0a'))).rejects.toThrow(/ECONNREFUSED/);
    nodeGroups.heal();
    notices.heal();
    expect(await call(interruption('i-0a'))).toMatchObject({ outcome: 'noted' });
  });

  it('says what is wrong with its variables', () => {
    expect(() => parseOwners('[]', 'test')).toThrow(/PADDOCK_FLEETS/);
  });
});

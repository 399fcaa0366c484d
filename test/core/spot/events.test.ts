import fc from 'fast-check';
import { launchFailureEvent, parseSpotEvent } from '../../../core/spot/events.ts';
import { noticeKey } from '../../../core/spot/notices.ts';

const AT = Date.parse('2026-03-02T09:00:00Z') / 1000;

/** As AWS documents them, with what it sends besides. */
const event = (source: string, detailType: string, detail: object) => ({
  version: '0',
  id: '12345678-1234-1234-1234-123456789012',
  'detail-type': detailType,
  source,
  account: '123456789012',
  time: '2026-03-02T09:00:00Z',
  region: 'us-east-2',
  resources: ['arn:aws:ec2:us-east-2a:instance/i-1234567890abcdef0'],
  detail,
});
const WARNING = event('aws.ec2', 'EC2 Spot Instance Interruption Warning', {
  'instance-id': 'i-1234567890abcdef0',
  'instance-action': 'terminate',
});
const launchFailure = (StatusMessage: string) =>
  event('aws.autoscaling', 'EC2 Instance Launch Unsuccessful', {
    StatusCode: 'Failed',
    AutoScalingGroupName: 'eks-paddock-cpu-spot-3ac1',
    ActivityId: '87654321-4321-4321-4321-210987654321',
    Details: { 'Availability Zone': 'us-east-2a', 'Subnet ID': 'subnet-12345678' },
    RequestId: '12345678-1234-1234-1234-123456789012',
    StatusMessage,
    EndTime: '2026-03-02T09:00:00Z',
    EC2InstanceId: '',
    StartTime: '2026-03-02T08:59:58Z',
    Cause: 'At …, an instance was started …',
  });

describe('parseSpotEvent', () => {
  it('reads the warning of an interruption, two minutes ahead', () => {
    expect(parseSpotEvent(WARNING)).toEqual({
      kind: 'interruption',
      instanceId: 'i-1234567890abcdef0',
      at: AT,
      endsAt: AT + 120,
    });
  });

  it('reads the advice to rebalance', () => {
    const advice = event('aws.ec2', 'EC2 Instance Rebalance Recommendation', { 'instance-id': 'i-0a1' });
    expect(parseSpotEvent(advice)).toEqual({ kind: 'rebalance', instanceId: 'i-0a1', at: AT });
  });

  it.each([
    [
      'UnfulfillableCapacity',
      'Could not launch Spot Instances. UnfulfillableCapacity - Unable to fulfill capacity due to your request configuration. Please adjust your request and try again. Launching EC2 instance failed.',
    ],
    [
      'InsufficientInstanceCapacity',
      'We currently do not have sufficient p3.2xlarge capacity in the Availability Zone you requested (us-east-2a). Our system will be working on provisioning additional capacity.',
    ],
    [
      'VcpuLimitExceeded',
      'Could not launch On-Demand Instances. VcpuLimitExceeded - You have requested more vCPU capacity than your current vCPU limit of 32 allows.',
    ],
    ['Client.InternalError', 'Instance became unhealthy. Client.InternalError - Client error on launch.'],
    ['Unknown', 'You are not subscribed to this service.'],
    ['Unknown', ''],
  ])('reads a failed launch and finds %s in its message', (code, message) => {
    expect(parseSpotEvent(launchFailure(message))).toEqual({
      kind: 'launch-failure',
      group: { autoScalingGroup: 'eks-paddock-cpu-spot-3ac1' },
      at: AT,
      code,
      message,
    });
  });

  it("reads a node group's issue about launches, and no other", () => {
    const issue = (code: string) =>
      event('paddock', 'Node Group Health Issue', { nodegroupName: 'paddock-cpu-spot', code, message: 'm' });
    expect(parseSpotEvent(issue('AsgInstanceLaunchFailures'))).toEqual({
      kind: 'launch-failure',
      group: { nodegroup: 'paddock-cpu-spot' },
      at: AT,
      code: 'AsgInstanceLaunchFailures',
      message: 'm',
    });
    expect(parseSpotEvent(issue('NodeCreationFailure')).kind).toBe('not-ours');
  });

  it('reads what the health check hands on, and finds the cause in its message', () => {
    const message = 'Could not launch Spot Instances. InsufficientInstanceCapacity - There is none.';
    const launch = { activityId: 'a', at: AT + 0.75, message };
    expect(parseSpotEvent(launchFailureEvent('paddock-cpu-spot', launch))).toEqual({
      kind: 'launch-failure',
      group: { nodegroup: 'paddock-cpu-spot' },
      // As Auto Scaling's own event of it has the time.
      ...{ at: AT, code: 'InsufficientInstanceCapacity', message },
    });
  });

  it.each([
    ['another detail type', event('aws.ec2', 'EC2 Instance State-change Notification', {})],
    ['another source', { ...WARNING, source: 'me' }],
    ['no event', 'hello'],
    ['nothing', undefined],
    ['a name that every object has', { source: 'constructor', 'detail-type': 'x' }],
  ])('takes %s for not ours', (_, other) => {
    expect(parseSpotEvent(other).kind).toBe('not-ours');
  });

  it.each([
    ['no time', { ...WARNING, time: undefined }],
    ['no instance', { ...WARNING, detail: {} }],
    ['an instance that is none', { ...WARNING, detail: { 'instance-id': '../x' } }],
    ['no group', event('aws.autoscaling', 'EC2 Instance Launch Unsuccessful', {})],
  ])('refuses a known event with %s', (_, broken) => {
    expect(() => parseSpotEvent(broken)).toThrow();
  });

  it('takes anything that is no event of a known kind for not ours', () => {
    fc.assert(fc.property(fc.anything(), (anything) => parseSpotEvent(anything).kind === 'not-ours'));
  });
});

describe('noticeKey', () => {
  it('tells instances and kinds apart', () => {
    const notices = ['i-1', 'i-2'].flatMap((instanceId) => [
      noticeKey({ kind: 'interruption', pool: 'spot', instanceId, at: 1, endsAt: 121 }),
      noticeKey({ kind: 'rebalance', pool: 'spot', instanceId, at: 1 }),
    ]);
    expect(new Set(notices).size).toBe(4);
  });
});

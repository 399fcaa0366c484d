import { matchesPattern, parsePattern } from '../../../local/emulators/event-pattern.ts';

const EVENT = {
  source: 'aws.autoscaling',
  'detail-type': 'EC2 Instance Launch Unsuccessful',
  resources: ['arn:group', 'arn:instance'],
  detail: {
    AutoScalingGroupName: 'eks-paddock-gpu-spot-1',
    StatusMessage: 'Could not launch Spot Instances. InsufficientInstanceCapacity - none',
    count: 5,
    empty: null,
    nested: { items: [{ kind: 'a' }, { kind: 'b', size: 3 }] },
  },
};

it.each([
  ['an exact value', { source: ['aws.autoscaling'] }, true],
  ['one of several values', { source: ['aws.ec2', 'aws.autoscaling'] }, true],
  ['another value', { source: ['aws.ec2'] }, false],
  ['two fields of which one differs', { source: ['aws.autoscaling'], detail: { count: [6] } }, false],
  ['a field that is missing', { detail: { other: ['x'] } }, false],
  ['null', { detail: { empty: [null] } }, true],
  ['an element of an array', { resources: ['arn:instance'] }, true],
  ['a prefix', { detail: { AutoScalingGroupName: [{ prefix: 'eks-paddock-' }] } }, true],
  [
    'a prefix in any case',
    { detail: { AutoScalingGroupName: [{ prefix: { 'equals-ignore-case': 'EKS-' } }] } },
    true,
  ],
  ['another prefix', { detail: { AutoScalingGroupName: [{ prefix: 'asg-' }] } }, false],
  ['a suffix', { detail: { AutoScalingGroupName: [{ suffix: '-1' }] } }, true],
  ['any case', { source: [{ 'equals-ignore-case': 'AWS.AutoScaling' }] }, true],
  ['a wildcard', { detail: { StatusMessage: [{ wildcard: '*InsufficientInstanceCapacity*' }] } }, true],
  ['a wildcard with a dot', { source: [{ wildcard: 'awsx*' }] }, false],
  ['anything but a value', { source: [{ 'anything-but': 'aws.ec2' }] }, true],
  [
    'anything but a list with the value',
    { source: [{ 'anything-but': ['aws.ec2', 'aws.autoscaling'] }] },
    false,
  ],
  ['anything but a prefix', { source: [{ 'anything-but': { prefix: 'aws.' } }] }, false],
  ['anything but, of a missing field', { detail: { other: [{ 'anything-but': 'x' }] } }, false],
  ['existence', { detail: { count: [{ exists: true }] } }, true],
  ['absence', { detail: { other: [{ exists: false }] } }, true],
  ['absence of what is there', { detail: { count: [{ exists: false }] } }, false],
  ['absence below a missing object', { detail: { no: { such: [{ exists: false }] } } }, true],
  ['a number in a range', { detail: { count: [{ numeric: ['>', 0, '<=', 5] }] } }, true],
  ['a number out of range', { detail: { count: [{ numeric: ['>', 5] }] } }, false],
  ['a number rule on text', { source: [{ numeric: ['>', 0] }] }, false],
  ['an object within an array', { detail: { nested: { items: { kind: ['b'], size: [3] } } } }, true],
  ['two objects of an array at once', { detail: { nested: { items: { kind: ['a'], size: [3] } } } }, false],
  ['one of two alternatives', { $or: [{ source: ['x'] }, { detail: { count: [5] } }] }, true],
  ['neither alternative', { $or: [{ source: ['x'] }, { detail: { count: [4] } }] }, false],
])('%s', (_, pattern, expected) => {
  expect(matchesPattern(parsePattern(JSON.stringify(pattern)), EVENT)).toBe(expected);
});

it.each([
  ['text that is no JSON', 'source'],
  ['a list', '[]'],
  ['nothing', '{}'],
  ['a bare value', '{"source":"aws.ec2"}'],
  ['an empty list', '{"source":[]}'],
  ['a list in a list', '{"source":[["a"]]}'],
  ['an operator that there is not', '{"source":[{"starts-with":"a"}]}'],
  ['a number rule without a bound', '{"a":[{"numeric":[">"]}]}'],
  ['two operators at once', '{"a":[{"prefix":"a","suffix":"b"}]}'],
])('refuses %s', (_, text) => {
  expect(() => parsePattern(text)).toThrow(/Event pattern is not valid\. Reason: /);
});

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: CloudFormation writes its placeholders so.
import { TemplateError } from '../../../local/template/errors.ts';
import { load, resolved } from './support.ts';

const QUEUE = { Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'work' } } } };
const QUEUE_ARN = 'arn:aws:sqs:eu-west-1:123456789012:work';
const QUEUE_URL = 'http://127.0.0.1:4566/123456789012/work';

describe('intrinsic functions', () => {
  it.each<[string, unknown, unknown]>([
    ['Ref of a resource', { Ref: 'Queue' }, QUEUE_URL],
    ['Ref of a pseudo parameter', { Ref: 'AWS::AccountId' }, '123456789012'],
    ['GetAtt as a list', { 'Fn::GetAtt': ['Queue', 'Arn'] }, QUEUE_ARN],
    ['GetAtt as text', { 'Fn::GetAtt': 'Queue.QueueName' }, 'work'],
    ['Join', { 'Fn::Join': ['-', ['a', { Ref: 'AWS::Region' }, 3]] }, 'a-eu-west-1-3'],
    ['Join over a list function', { 'Fn::Join': ['+', { 'Fn::Split': [',', 'a,b'] }] }, 'a+b'],
    ['Sub as text', { 'Fn::Sub': '${AWS::Partition}/${Queue.Arn}/${!Kept}' }, `aws/${QUEUE_ARN}/\${Kept}`],
    [
      'Sub with variables',
      { 'Fn::Sub': ['${A}:${Queue}', { A: { Ref: 'AWS::Region' } }] },
      `eu-west-1:${QUEUE_URL}`,
    ],
    ['Select', { 'Fn::Select': [1, { 'Fn::GetAZs': '' }] }, 'eu-west-1b'],
    ['Select by text', { 'Fn::Select': ['0', ['x', 'y']] }, 'x'],
    ['Split', { 'Fn::Split': ['/', 'a/b'] }, ['a', 'b']],
    ['GetAZs of a region', { 'Fn::GetAZs': 'us-east-1' }, ['us-east-1a', 'us-east-1b', 'us-east-1c']],
    ['Base64', { 'Fn::Base64': 'hello' }, 'aGVsbG8='],
    ['NoValue in an object', { a: 1, b: { Ref: 'AWS::NoValue' } }, { a: 1 }],
    ['NoValue in a list', [1, { Ref: 'AWS::NoValue' }, 2], [1, 2]],
  ])('%s', (_, value, expected) => {
    expect(resolved(value, QUEUE)).toEqual(expected);
  });

  it('FindInMap, and its default', () => {
    const template = { Mappings: { Sizes: { 'eu-west-1': { size: 'big' } } } };
    const find = (...keys: unknown[]) => ({ 'Fn::FindInMap': keys });
    expect(resolved(find('Sizes', { Ref: 'AWS::Region' }, 'size'), template)).toBe('big');
    expect(resolved(find('Sizes', 'elsewhere', 'size', { DefaultValue: 'small' }), template)).toBe('small');
    expect(() => resolved(find('Sizes', 'elsewhere', 'size'), template)).toThrow('no entry elsewhere.size');
  });

  it.each<[string, unknown, boolean]>([
    ['Equals', { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'eu-west-1'] }, true],
    ['Not', { 'Fn::Not': [{ 'Fn::Equals': ['a', 'a'] }] }, false],
    ['And', { 'Fn::And': [{ Condition: 'Yes' }, { 'Fn::Equals': ['a', 'b'] }] }, false],
    ['Or', { 'Fn::Or': [{ Condition: 'Yes' }, { 'Fn::Equals': ['a', 'b'] }] }, true],
  ])('If on %s', (_, condition, expected) => {
    const template = { Conditions: { Yes: { 'Fn::Equals': [1, '1'] }, Tested: condition } };
    expect(resolved({ 'Fn::If': ['Tested', true, false] }, template)).toBe(expected);
  });

  it('leaves out a resource whose condition is false, and refuses references to it', () => {
    const template = {
      Conditions: { No: { 'Fn::Equals': ['a', 'b'] } },
      Resources: { Queue: { Type: 'AWS::SQS::Queue', Condition: 'No' } },
    };
    expect(load({ App: template }).queues).toEqual([]);
    expect(() => resolved({ Ref: 'Queue' }, template)).toThrow('its condition is false');
  });
});

describe('references across stacks', () => {
  const cluster = {
    Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'work' } } },
    Outputs: {
      Exported: { Value: { Ref: 'Queue' }, Export: { Name: { 'Fn::Sub': '${AWS::StackName}:Queue' } } },
      Plain: { Value: { 'Fn::GetAtt': ['Queue', 'Arn'] } },
    },
  };
  const probe = (value: unknown) =>
    load({
      Cluster: cluster,
      App: { Resources: { Probe: { Type: 'Test::Probe', Properties: { value } } } },
    }).resources.find(({ logicalId }) => logicalId === 'Probe')?.properties.value;

  it('ImportValue finds the export by its resolved name', () => {
    expect(probe({ 'Fn::ImportValue': 'Cluster:Queue' })).toBe(QUEUE_URL);
    expect(() => probe({ 'Fn::ImportValue': 'Cluster:Nothing' })).toThrow('no stack exports Cluster:Nothing');
  });

  it('GetStackOutput reads an output that is not exported', () => {
    expect(probe({ 'Fn::GetStackOutput': { StackName: 'Cluster', OutputName: 'Plain' } })).toBe(QUEUE_ARN);
    expect(() => probe({ 'Fn::GetStackOutput': { StackName: 'Other', OutputName: 'Plain' } })).toThrow(
      'no output Plain of a stack Other',
    );
  });
});

describe('parameters', () => {
  const Parameters = {
    Size: { Type: 'Number', Default: 3 },
    Zones: { Type: 'CommaDelimitedList', Default: 'a,b' },
    BootstrapVersion: {
      Type: 'AWS::SSM::Parameter::Value<String>',
      Default: '/cdk-bootstrap/hnb659fds/version',
    },
    Version: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/paddock/version' },
    Needed: { Type: 'String' },
  };

  it('come from the caller, else from their default', () => {
    expect(resolved({ Ref: 'Size' }, { Parameters })).toBe('3');
    expect(resolved({ Ref: 'Size' }, { Parameters }, { parameters: { Size: '5' } })).toBe('5');
    expect(resolved({ Ref: 'Zones' }, { Parameters })).toEqual(['a', 'b']);
    expect(() => resolved({ Ref: 'Needed' }, { Parameters })).toThrow(
      'parameter Needed has no default and no value',
    );
  });

  it('read SSM: the bootstrap version, the templates’ own parameters, what the caller passes', () => {
    const Resources = {
      Stored: {
        Type: 'AWS::SSM::Parameter',
        Properties: { Name: '/paddock/version', Type: 'String', Value: '1.36' },
      },
    };
    expect(Number(resolved({ Ref: 'BootstrapVersion' }, { Parameters }))).toBeGreaterThanOrEqual(6);
    expect(resolved({ Ref: 'Version' }, { Parameters, Resources })).toBe('1.36');
    expect(resolved('v{{resolve:ssm:/paddock/version:1}}', { Resources })).toBe('v1.36');
    expect(
      resolved({ Ref: 'Version' }, { Parameters }, { ssmParameters: { '/paddock/version': '1.35' } }),
    ).toBe('1.35');
    expect(() => resolved({ Ref: 'Version' }, { Parameters })).toThrow(
      'no value for the SSM parameter /paddock/version',
    );
  });
});

describe('what can’t be resolved', () => {
  it.each<[string, unknown, string]>([
    ['an unknown intrinsic', { deep: [{ 'Fn::Cidr': ['10.0.0.0/16', 2, 8] }] }, "doesn't know Fn::Cidr"],
    ['an unknown attribute', { 'Fn::GetAtt': ['Queue', 'Colour'] }, 'no attribute Colour of AWS::SQS::Queue'],
    ['an unknown resource', { Ref: 'Nobody' }, 'no resource or parameter Nobody'],
    ['a secret', '{{resolve:secretsmanager:key}}', "doesn't resolve secretsmanager"],
    ['an index past the end', { 'Fn::Select': [7, ['a']] }, 'no item 7 in a list of 1'],
    ['a Join of objects', { 'Fn::Join': ['', [{ a: 1 }]] }, 'expected text or a number'],
  ])('%s is an error that says where', (_, value, problem) => {
    const attempt = () => resolved(value, QUEUE);
    expect(attempt).toThrow(TemplateError);
    expect(attempt).toThrow(problem);
    expect(attempt).toThrow('Template App/Probe at Properties.value');
  });

  it('resources that need each other in a circle', () => {
    const circle = {
      A: { Type: 'Test::A', Properties: { b: { Ref: 'B' } } },
      B: { Type: 'Test::B', DependsOn: 'A' },
    };
    expect(() => load({ App: { Resources: circle } })).toThrow('A → B → A');
  });
});

it('orders resources so that each comes after what it needs', () => {
  const app = load({
    App: {
      Resources: {
        Last: { Type: 'Test::X', Properties: { text: { 'Fn::Sub': 'x ${Middle}' } } },
        Middle: { Type: 'Test::X', DependsOn: ['First'] },
        First: { Type: 'Test::X' },
      },
    },
  });
  expect(app.resources.map(({ logicalId }) => logicalId)).toEqual(['First', 'Middle', 'Last']);
});

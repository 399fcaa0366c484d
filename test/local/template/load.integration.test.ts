// biome-ignore-all lint/suspicious/noTemplateCurlyInString: CloudFormation writes its placeholders so.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Duration, Stack } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { loadTemplates } from '../../../local/template/load.ts';
import { ENVIRONMENT, load, temporaryFolder } from './support.ts';

/** Two stacks that refer to each other's resources, as CDK writes them. */
function sample() {
  const code = temporaryFolder();
  writeFileSync(join(code, 'index.mjs'), 'export const handler = async () => 1;');
  const app = new App({ analyticsReporting: false, outdir: temporaryFolder() });
  const first = new Stack(app, 'First');
  const second = new Stack(app, 'Second');
  const deadLetters = new sqs.Queue(first, 'DeadLetters');
  const queue = new sqs.Queue(first, 'Work', {
    visibilityTimeout: Duration.seconds(45),
    deadLetterQueue: { queue: deadLetters, maxReceiveCount: 7 },
  });
  const table = new dynamodb.Table(second, 'Table', {
    partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
    billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
    timeToLiveAttribute: 'expiresAt',
  });
  const handler = new lambda.Function(second, 'Handler', {
    runtime: lambda.Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: lambda.Code.fromAsset(code),
    timeout: Duration.seconds(9),
    retryAttempts: 0,
    environment: { QUEUE_URL: queue.queueUrl, TABLE: table.tableName },
  });
  queue.grantSendMessages(handler);
  const machine = new sfn.StateMachine(second, 'Machine', {
    stateMachineType: sfn.StateMachineType.EXPRESS,
    definitionBody: sfn.DefinitionBody.fromString(
      JSON.stringify({
        StartAt: 'Call',
        States: {
          Call: {
            Type: 'Task',
            Resource: 'arn:aws:states:::lambda:invoke',
            Parameters: { FunctionName: '${handler}' },
            End: true,
          },
        },
      }),
    ),
    definitionSubstitutions: { handler: handler.functionArn },
  });
  handler.grantInvoke(machine);
  return { app: loadTemplates({ assembly: app.synth(), ...ENVIRONMENT }), code };
}

describe('an assembly that CDK wrote', () => {
  const { app } = sample();
  const [deadLetters, work] = app.queues;
  const [handler] = app.functions;
  const [machine] = app.stateMachines;

  it('gives each function its bundle and its environment, resolved across stacks', () => {
    expect(existsSync(join(handler?.codePath ?? '', 'index.mjs'))).toBe(true);
    expect(handler?.environment).toEqual({ QUEUE_URL: work?.url, TABLE: app.tables[0]?.name });
    expect(handler).toMatchObject({
      timeoutSeconds: 9,
      memoryMb: 128,
      asyncRetries: 0,
      deploymentOnly: false,
    });
  });

  it('gives queues their URL on the front and their dead-letter queue', () => {
    expect(work?.url).toBe(`http://127.0.0.1:4566/123456789012/${work?.name}`);
    expect(work?.visibilityTimeoutSeconds).toBe(45);
    expect(work?.redrive).toEqual({ deadLetterTargetArn: deadLetters?.arn, maxReceiveCount: 7 });
  });

  it('fills a state machine’s substitutions', () => {
    expect(machine?.type).toBe('EXPRESS');
    expect(machine?.definition).toMatchObject({
      States: { Call: { Parameters: { FunctionName: handler?.arn } } },
    });
  });

  it('reads a table as CreateTable takes it', () => {
    expect(app.tables[0]).toMatchObject({
      keySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      attributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      timeToLiveAttribute: 'expiresAt',
    });
  });

  it('collects what each role may do and who acts as it', () => {
    const role = app.roles.find(({ arn }) => arn === handler?.roleArn);
    expect(role?.assumedBy).toEqual([{ kind: 'function', name: handler?.name }]);
    const statements = role?.policies.flatMap((policy) => policy.Statement as object[]);
    expect(statements).toContainEqual(
      expect.objectContaining({ Action: expect.arrayContaining(['sqs:SendMessage']), Resource: work?.arn }),
    );
    // AWSLambdaBasicExecutionRole
    expect(JSON.stringify(statements)).toContain('logs:PutLogEvents');
    expect(app.roles.find(({ arn }) => arn === machine?.roleArn)?.assumedBy).toEqual([
      { kind: 'stateMachine', name: machine?.name },
    ]);
  });

  it('names everything the same in every run', () => {
    const names = (resources: typeof app.resources) => resources.map(({ ref }) => ref);
    expect(names(sample().app.resources)).toEqual(names(app.resources));
  });
});

describe('roles', () => {
  const trust = { Statement: [], Version: '2012-10-17' };
  const allow = (action: string) => ({ Statement: [{ Effect: 'Allow', Action: action, Resource: '*' }] });

  it('list AWS-managed policies apart from those of the templates', () => {
    const { roles } = load({
      App: {
        Resources: {
          Role: {
            Type: 'AWS::IAM::Role',
            Properties: {
              AssumeRolePolicyDocument: trust,
              ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy', { Ref: 'Own' }],
              Policies: [{ PolicyName: 'inline', PolicyDocument: allow('s3:GetObject') }],
            },
          },
          Own: { Type: 'AWS::IAM::ManagedPolicy', Properties: { PolicyDocument: allow('sqs:SendMessage') } },
        },
      },
    });
    expect(roles[0]?.policies).toEqual([allow('s3:GetObject'), allow('sqs:SendMessage')]);
    expect(roles[0]?.ownPolicies).toEqual(roles[0]?.policies);
    expect(roles[0]?.managedPolicyArns).toEqual(['arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy']);
  });

  it('a policy on a role that no template creates is an error', () => {
    const Policy = {
      Type: 'AWS::IAM::Policy',
      Properties: { PolicyDocument: allow('*'), Roles: ['stranger'] },
    };
    expect(() => load({ App: { Resources: { Policy } } })).toThrow(
      'App/Policy at Properties.Roles: attaches to the role stranger',
    );
  });
});

it('functions that serve custom resources only are marked', () => {
  const fn = (environment: object = {}) => ({
    Type: 'AWS::Lambda::Function',
    Properties: {
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::123456789012:role/r',
      Code: { ZipFile: 'code' },
      Environment: { Variables: environment },
    },
  });
  const { functions } = load({
    App: {
      Resources: {
        Own: fn(),
        Inner: fn(),
        Framework: fn({ TARGET: { 'Fn::GetAtt': ['Inner', 'Arn'] } }),
        Custom: {
          Type: 'Custom::Thing',
          Properties: { ServiceToken: { 'Fn::GetAtt': ['Framework', 'Arn'] } },
        },
      },
    },
  });
  expect(functions.filter((view) => view.deploymentOnly).map((view) => view.logicalId)).toEqual([
    'Inner',
    'Framework',
  ]);
});

describe('manifests', () => {
  const object = (kind: string, name: string) => ({ apiVersion: 'v1', kind, metadata: { name } });
  const resource = (...objects: unknown[]) => ({
    Type: 'Custom::AWSCDK-EKS-KubernetesResource',
    Properties: { Manifest: { 'Fn::Join': ['', [JSON.stringify(objects)]] } },
  });

  it('come in an order in which they can be applied', () => {
    const { manifests } = load({
      App: {
        Resources: {
          A: resource(object('Deployment', 'd'), object('RoleBinding', 'rb'), object('Widget', 'w')),
          B: resource(object('Service', 's'), object('Role', 'r'), object('Namespace', 'n')),
        },
      },
    });
    expect(manifests.map(({ kind }) => kind)).toEqual([
      'Namespace',
      'Role',
      'RoleBinding',
      'Service',
      'Widget',
      'Deployment',
    ]);
  });

  it('that are no Kubernetes objects are an error', () => {
    expect(() => load({ App: { Resources: { A: resource({ kind: 'Pod' }) } } })).toThrow(
      'App/A at Properties.Manifest',
    );
  });
});

describe('generated names', () => {
  it.each([
    ['AWS::Lambda::Function', 64],
    ['AWS::IAM::Role', 64],
    ['AWS::S3::Bucket', 63],
    ['AWS::SQS::Queue', 80],
    ['AWS::Scheduler::Schedule', 64],
  ])('of %s fit into %i characters and stay distinct', (type, limit) => {
    const long = 'L'.repeat(100);
    const shape = { App: { Resources: { [`${long}A`]: plain(type), [`${long}B`]: plain(type) } } };
    const names = load(shape).resources.map(({ name }) => name);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name.length).toBeLessThanOrEqual(limit);
    if (type === 'AWS::S3::Bucket') expect(names[0]).toMatch(/^[a-z0-9-]+$/);
  });

  /** The least that each type's shape asks for. */
  function plain(type: string): object {
    const properties: Record<string, object> = {
      'AWS::Lambda::Function': {
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: 'arn:aws:iam::123456789012:role/r',
        Code: { ZipFile: 'code' },
      },
      'AWS::IAM::Role': { AssumeRolePolicyDocument: {} },
      'AWS::Scheduler::Schedule': {
        ScheduleExpression: 'rate(1 minute)',
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: { Arn: 'a', RoleArn: 'r' },
      },
    };
    return { Type: type, Properties: properties[type] ?? {} };
  }
});

describe('what the local runtime can’t read', () => {
  it('a shape it doesn’t know names the resource and the property', () => {
    const Queue = { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 'soon' } };
    expect(() => load({ App: { Resources: { Queue } } })).toThrow(
      'App/Queue at Properties.VisibilityTimeout: AWS::SQS::Queue has a shape',
    );
  });

  it('a missing substitution', () => {
    const Machine = {
      Type: 'AWS::StepFunctions::StateMachine',
      Properties: { RoleArn: 'r', DefinitionString: '{"StartAt":"${gone}"}' },
    };
    expect(() => load({ App: { Resources: { Machine } } })).toThrow('DefinitionSubstitutions has no gone');
  });

  it('a nested stack', () => {
    const Nested = { Type: 'AWS::CloudFormation::Stack' };
    expect(() => load({ App: { Resources: { Nested } } })).toThrow('plain stacks only');
  });

  it('a directory without an assembly', () => {
    const empty = temporaryFolder();
    expect(() => loadTemplates({ assembly: empty, ...ENVIRONMENT })).toThrow('run `npx cdk synth` first');
  });
});

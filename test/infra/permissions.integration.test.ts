import { readdirSync } from 'node:fs';
import { repositoryPath } from '../../infra/paths.ts';
import config from '../../paddock.config.ts';
import {
  actionsOf,
  getAtt,
  ofType,
  one,
  type Resource,
  type Statement,
  statementsOf,
  synthesize,
} from './templates.ts';

const { controlPlane: template } = synthesize(config);

const FLEETS = ['cpu', 'gpu'] as const;
const queueOf = (fleet: string) => one(template, 'AWS::SQS::Queue', { QueueName: `paddock-${fleet}` });
const [, scale] = one(template, 'AWS::StepFunctions::StateMachine', {
  StateMachineName: 'paddock-scale',
});
const [, spotMachine] = one(template, 'AWS::StepFunctions::StateMachine', {
  StateMachineName: 'paddock-spot-fallback',
});
const [, warmupMachine] = one(template, 'AWS::StepFunctions::StateMachine', {
  StateMachineName: 'paddock-warmup',
});
const [scalerId, scaler] = one(template, 'AWS::Lambda::Function', { FunctionName: 'paddock-scaler' });
const [, spot] = one(template, 'AWS::Lambda::Function', { FunctionName: 'paddock-spot' });
const [warmupId, warmup] = one(template, 'AWS::Lambda::Function', { FunctionName: 'paddock-warmup' });

const roleIdOf = ({ Properties }: Resource): string =>
  (Properties.Role ?? Properties.RoleArn)['Fn::GetAtt'][0];
const allowed = (resource: Resource): string[] =>
  statementsOf(template, roleIdOf(resource)).flatMap(actionsOf).toSorted();
const statementFor = (resource: Resource, action: string): Statement | undefined =>
  statementsOf(template, roleIdOf(resource)).find((statement) => actionsOf(statement).includes(action));

describe('functions', () => {
  it('are told what docs/architecture.md says', () => {
    const own = ({ Properties }: Resource) =>
      Object.fromEntries(
        Object.entries(Properties.Environment.Variables).filter(([name]) => name.startsWith('PADDOCK_')),
      );

    expect(own(scaler)).toEqual({
      PADDOCK_FLEET_PARAMETER_PREFIX: '/paddock/paddock/fleets/',
      PADDOCK_TABLE: { Ref: one(template, 'AWS::DynamoDB::Table')[0] },
      PADDOCK_CLUSTER: 'paddock',
    });
    expect(own(warmup)).toEqual({ PADDOCK_CLUSTER: 'paddock' });
  });

  it.each([scaler, warmup])('run on Node 24 and log to a group that forgets', ({ Properties }) => {
    const logs = template.Resources[Properties.LoggingConfig.LogGroup.Ref];

    expect(Properties.Runtime).toBe('nodejs24.x');
    expect(logs?.Properties.RetentionInDays).toBe(30);
  });

  it('may do exactly this', () => {
    // What Lambda itself needs to put a function into the VPC is the same for both.
    const own = (fn: Resource) => allowed(fn).filter((action) => !action.startsWith('ec2:'));

    expect(own(scaler)).toEqual([
      'autoscaling:DescribeAutoScalingGroups',
      'dynamodb:DeleteItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'eks:DescribeCluster',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      'sqs:GetQueueAttributes',
      'ssm:GetParameter',
    ]);
    expect(own(warmup)).toEqual(['eks:DescribeCluster', 'logs:CreateLogStream', 'logs:PutLogEvents']);
    expect(allowed(spot)).toEqual([
      'autoscaling:DescribeAutoScalingGroups',
      'dynamodb:PutItem',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
    ]);
  });

  it.each([
    [scaler, 'paddock:scaler'],
    [warmup, 'paddock:warmup'],
  ])('are in their Kubernetes group', (fn, group) => {
    const entry = ofType(template, 'AWS::EKS::AccessEntry').find(
      ([, { Properties }]) => Properties.KubernetesGroups[0] === group,
    );

    expect(entry?.[1].Properties).toMatchObject({
      KubernetesGroups: [group],
      PrincipalArn: getAtt(roleIdOf(fn), 'Arn'),
      Type: 'STANDARD',
    });
    expect(entry?.[1].Properties.AccessPolicies).toBeUndefined();
  });

  it.each([
    ['the scaler to the apiserver', scaler, [443]],
    ['the warm-up to the apiserver and to the workers', warmup, [443, 8080]],
  ])('reach the cluster from inside the VPC: %s, and nothing else', (_, fn, ports) => {
    const { SubnetIds, SecurityGroupIds } = fn.Properties.VpcConfig;
    const open = ofType(template, 'AWS::EC2::SecurityGroupIngress').filter(
      ([, { Properties }]) =>
        JSON.stringify(Properties.SourceSecurityGroupId) === JSON.stringify(SecurityGroupIds[0]),
    );

    expect(SubnetIds).toHaveLength(3);
    expect(open.map(([, { Properties }]) => Properties.FromPort).toSorted()).toEqual(ports);
  });
});

describe('state machines', () => {
  it('are one Express and one Standard, and log every execution with its data', () => {
    expect([scale.Properties.StateMachineType, warmupMachine.Properties.StateMachineType]).toEqual([
      'EXPRESS',
      'STANDARD',
    ]);
    for (const { Properties } of [scale, spotMachine, warmupMachine])
      expect(Properties.LoggingConfiguration).toMatchObject({ Level: 'ALL', IncludeExecutionData: true });
  });

  it.each([scale, spotMachine, warmupMachine])(
    'have a value for each substitution of their definition, and no other, and use JSONPath',
    ({ Properties }) => {
      const wanted = [...(Properties.DefinitionString as string).matchAll(/\$\{([^}]+)\}/g)].map(
        ([, name]) => name,
      );

      expect(wanted.length).toBeGreaterThan(0);
      expect(Object.keys(Properties.DefinitionSubstitutions).toSorted()).toEqual(
        [...new Set(wanted)].toSorted(),
      );
      expect(JSON.parse(Properties.DefinitionString).QueryLanguage ?? 'JSONPath').toBe('JSONPath');
    },
  );

  it('are all that the folder holds', () => {
    const files = readdirSync(repositoryPath('state-machines'))
      .filter((name) => name.endsWith('.asl.json'))
      .toSorted();

    expect(files).toEqual([
      'scale.asl.json',
      'spot-fallback.asl.json',
      'upgrade.asl.json',
      'warmup.asl.json',
    ]);
  });

  it('outlast their function, so that no run goes on unseen', () => {
    const taskTimeout = (machine: Resource, state: string) =>
      JSON.parse(machine.Properties.DefinitionString).States[state].TimeoutSeconds;

    expect(scaler.Properties.Timeout).toBeLessThan(taskTimeout(scale, 'Tick'));
    expect(warmup.Properties.Timeout).toBeLessThan(taskTimeout(warmupMachine, 'Warm'));
    expect(spot.Properties.Timeout).toBeLessThan(taskTimeout(spotMachine, 'Note'));
  });

  it("may call their function, and scale may change the capacity of the pools' groups alone", () => {
    expect(statementFor(scale, 'lambda:InvokeFunction')?.Resource).toEqual(getAtt(scalerId, 'Arn'));
    expect(statementFor(warmupMachine, 'lambda:InvokeFunction')?.Resource).toEqual(getAtt(warmupId, 'Arn'));
    expect(statementFor(scale, 'autoscaling:SetDesiredCapacity')).toMatchObject({
      Action: [
        'autoscaling:SetDesiredCapacity',
        'autoscaling:SetInstanceProtection',
        'autoscaling:TerminateInstanceInAutoScalingGroup',
      ],
      Condition: {
        StringEquals: {
          'autoscaling:ResourceTag/eks:cluster-name': 'paddock',
          'autoscaling:ResourceTag/eks:nodegroup-name': config.fleets.flatMap((fleet) =>
            fleet.pools.map((pool) => `paddock-${fleet.name}-${pool.name}`),
          ),
        },
      },
    });
    expect(allowed(spotMachine).filter((action) => !action.startsWith('logs:'))).toEqual([
      'lambda:InvokeFunction',
      'states:StartExecution',
    ]);
    expect(allowed(warmupMachine).filter((action) => !action.startsWith('logs:'))).toEqual([
      'lambda:InvokeFunction',
    ]);
  });

  it('hand over and warm up: scale may start itself and the warm-up', () => {
    const text = JSON.stringify(statementFor(scale, 'states:StartExecution')?.Resource);

    expect(text).toContain(':stateMachine:paddock-scale');
    expect(text).toContain(':stateMachine:paddock-warmup');
  });
});

describe('wildcards', () => {
  const statements = ofType(template, 'AWS::IAM::Policy').flatMap(
    ([, { Properties }]) => Properties.PolicyDocument.Statement as Statement[],
  );

  it('never stand in an action, and no role has a managed policy', () => {
    expect(statements.flatMap(actionsOf).filter((action) => action.includes('*'))).toEqual([]);
    for (const [, { Properties }] of ofType(template, 'AWS::IAM::Role'))
      expect(Properties.ManagedPolicyArns).toBeUndefined();
  });
});

describe.each(FLEETS)('the pods of fleet %s', (fleet) => {
  const [, association] = one(template, 'AWS::EKS::PodIdentityAssociation', {
    ServiceAccount: `paddock-worker-${fleet}`,
  });
  const roleId: string = association.Properties.RoleArn['Fn::GetAtt'][0];

  it('consume their own queue, write their own results, and fetch one object', () => {
    const statements = statementsOf(template, roleId);
    const resourceOf = (action: string) =>
      JSON.stringify(statements.filter((s) => actionsOf(s).includes(action)).map((s) => s.Resource));

    expect(statements.flatMap(actionsOf).toSorted()).toEqual([
      's3:GetObject',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
      's3:PutObject',
      'sqs:ChangeMessageVisibility',
      'sqs:DeleteMessage',
      'sqs:ReceiveMessage',
      'sqs:SendMessage',
    ]);
    const [deadLetters] = one(template, 'AWS::SQS::Queue', { QueueName: `paddock-${fleet}-dead-letters` });
    expect(resourceOf('sqs:SendMessage')).toBe(JSON.stringify([getAtt(deadLetters, 'Arn')]));
    expect(resourceOf('sqs:ReceiveMessage')).toBe(JSON.stringify([getAtt(queueOf(fleet)[0], 'Arn')]));
    for (const folder of ['results', 'status'])
      expect(resourceOf('s3:PutObject')).toContain(`/${folder}/${fleet}/`);
    expect(resourceOf('s3:PutObject')).not.toContain('/requests/');
  });

  it('get their identity before they start', () => {
    const workloads = ofType(template, 'Custom::AWSCDK-EKS-KubernetesResource').find(([id]) =>
      id.startsWith(`ManifestFleet${fleet}`),
    );
    const [associationId] = one(template, 'AWS::EKS::PodIdentityAssociation', {
      ServiceAccount: `paddock-worker-${fleet}`,
    });

    expect(workloads?.[1].DependsOn).toContain(associationId);
  });
});

import { generatedName, nameHash, stableUuid } from './names.ts';
import { customKinds } from './physical-custom.ts';
import { ec2Kinds } from './physical-ec2.ts';
import { type Attributes, arn, type Kind, type PhysicalScope } from './physical-kind.ts';

/**
 * Physical ids (`Ref`) and attributes (`Fn::GetAtt`) per resource type, as CloudFormation's reference states
 * them. A type that is missing here has a generated name and no attributes: asking for one is an error.
 */
const KINDS: Readonly<Record<string, Kind>> = {
  'AWS::SQS::Queue': {
    name: {
      property: 'QueueName',
      max: 80,
      suffix: (s) => (s.property('FifoQueue') === true ? '.fifo' : ''),
    },
    ref: (s) => `${s.env.frontUrl}/${s.env.accountId}/${s.name}`,
    attributes: {
      Arn: (s) => arn(s, 'sqs', s.name),
      QueueName: (s) => s.name,
      QueueUrl: (s) => s.ref,
    },
  },
  'AWS::DynamoDB::Table': table(),
  'AWS::DynamoDB::GlobalTable': table(),
  'AWS::S3::Bucket': {
    name: { property: 'BucketName', max: 63, lowerCase: true },
    attributes: {
      Arn: (s) => `arn:${s.env.partition}:s3:::${s.name}`,
      DomainName: (s) => `${s.name}.s3.amazonaws.com`,
      RegionalDomainName: (s) => `${s.name}.s3.${s.env.region}.amazonaws.com`,
    },
  },
  'AWS::Lambda::Function': {
    name: { property: 'FunctionName', max: 64 },
    attributes: { Arn: (s) => arn(s, 'lambda', `function:${s.name}`) },
  },
  'AWS::Lambda::Version': {
    ref: (s) => `${functionArn(s)}:1`,
    attributes: { Version: () => '1', FunctionArn: (s) => s.ref },
  },
  'AWS::Lambda::Alias': {
    ref: (s) => `${functionArn(s)}:${s.required('Name')}`,
    attributes: { AliasArn: (s) => s.ref },
  },
  'AWS::Lambda::LayerVersion': {
    name: { property: 'LayerName', max: 64 },
    ref: (s) => `${arn(s, 'lambda', `layer:${s.name}`)}:1`,
    attributes: { LayerVersionArn: (s) => s.ref },
  },
  'AWS::Lambda::EventSourceMapping': {
    ref: (s) => stableUuid(s.stack, s.logicalId),
    attributes: {
      Id: (s) => s.ref,
      EventSourceMappingArn: (s) => arn(s, 'lambda', `event-source-mapping:${s.ref}`),
    },
  },
  'AWS::StepFunctions::StateMachine': {
    name: { property: 'StateMachineName', max: 80 },
    ref: (s) => arn(s, 'states', `stateMachine:${s.name}`),
    attributes: {
      Arn: (s) => s.ref,
      Name: (s) => s.name,
      StateMachineRevisionId: () => 'INITIAL',
    },
  },
  'AWS::IAM::Role': {
    name: { property: 'RoleName', max: 64 },
    attributes: { Arn: (s) => iamArn(s, 'role'), RoleId: (s) => `AROA${nameHash(s.stack, s.logicalId)}` },
  },
  'AWS::IAM::Policy': { name: { property: 'PolicyName', max: 128 }, attributes: { Id: (s) => s.name } },
  'AWS::IAM::ManagedPolicy': {
    name: { property: 'ManagedPolicyName', max: 128 },
    ref: (s) => iamArn(s, 'policy'),
    attributes: { PolicyArn: (s) => s.ref },
  },
  'AWS::IAM::InstanceProfile': {
    name: { property: 'InstanceProfileName', max: 128 },
    attributes: { Arn: (s) => iamArn(s, 'instance-profile') },
  },
  'AWS::IAM::OIDCProvider': {
    ref: (s) => `arn:${s.env.partition}:iam::${s.env.accountId}:oidc-provider/${oidcHost(s)}`,
    attributes: { Arn: (s) => s.ref },
  },
  'AWS::Logs::LogGroup': {
    name: { property: 'LogGroupName', max: 512 },
    attributes: { Arn: (s) => `${arn(s, 'logs', `log-group:${s.name}`)}:*` },
  },
  'AWS::Scheduler::Schedule': {
    name: { property: 'Name', max: 64 },
    attributes: { Arn: (s) => arn(s, 'scheduler', `schedule/${s.text('GroupName') ?? 'default'}/${s.name}`) },
  },
  'AWS::Scheduler::ScheduleGroup': {
    name: { property: 'Name', max: 64 },
    attributes: { Arn: (s) => arn(s, 'scheduler', `schedule-group/${s.name}`), State: () => 'ACTIVE' },
  },
  'AWS::Events::Rule': {
    name: { property: 'Name', max: 64 },
    attributes: {
      Arn: (s) => {
        const bus = s.text('EventBusName')?.split('/').at(-1) ?? 'default';
        return arn(s, 'events', bus === 'default' ? `rule/${s.name}` : `rule/${bus}/${s.name}`);
      },
    },
  },
  'AWS::Events::EventBus': {
    name: { property: 'Name', max: 256 },
    attributes: { Arn: (s) => arn(s, 'events', `event-bus/${s.name}`), Name: (s) => s.name },
  },
  'AWS::CloudWatch::Alarm': {
    name: { property: 'AlarmName', max: 255 },
    attributes: { Arn: (s) => arn(s, 'cloudwatch', `alarm:${s.name}`) },
  },
  'AWS::SSM::Parameter': {
    name: { property: 'Name', max: 1000, prefix: 'CFN' },
    attributes: { Value: (s) => s.required('Value'), Type: (s) => s.required('Type') },
  },
  'AWS::SNS::Topic': {
    name: { property: 'TopicName', max: 256 },
    ref: (s) => arn(s, 'sns', s.name),
    attributes: { TopicArn: (s) => s.ref, TopicName: (s) => s.name },
  },
  'AWS::KMS::Key': {
    ref: (s) => stableUuid(s.stack, s.logicalId),
    attributes: { Arn: (s) => arn(s, 'kms', `key/${s.ref}`), KeyId: (s) => s.ref },
  },
  'AWS::SecretsManager::Secret': {
    name: { property: 'Name', max: 512 },
    ref: (s) => `${arn(s, 'secretsmanager', `secret:${s.name}`)}-${nameHash(s.name).slice(0, 6)}`,
    attributes: { Id: (s) => s.ref },
  },
  'AWS::EKS::Cluster': {
    name: { property: 'Name', max: 100 },
    attributes: {
      Arn: (s) => arn(s, 'eks', `cluster/${s.name}`),
      Id: (s) => s.name,
      Endpoint: (s) => s.env.clusterEndpoint,
      CertificateAuthorityData: (s) => s.env.clusterCa,
      OpenIdConnectIssuerUrl: (s) => `https://${oidcHost(s)}`,
      ClusterSecurityGroupId: (s) => s.hex('sg', 'cluster'),
      EncryptionConfigKeyArn: () => '',
    },
  },
  'AWS::EKS::Nodegroup': {
    name: { property: 'NodegroupName', max: 63 },
    ref: (s) => `${s.required('ClusterName')}/${s.name}`,
    attributes: {
      Arn: (s) =>
        arn(s, 'eks', `nodegroup/${s.required('ClusterName')}/${s.name}/${stableUuid(s.stack, s.logicalId)}`),
      Id: (s) => s.ref,
      ClusterName: (s) => s.required('ClusterName'),
      NodegroupName: (s) => s.name,
    },
  },
  'AWS::EKS::Addon': {
    ref: (s) => `${s.required('ClusterName')}|${s.required('AddonName')}`,
    attributes: {
      Arn: (s) =>
        arn(
          s,
          'eks',
          `addon/${s.required('ClusterName')}/${s.required('AddonName')}/${stableUuid(s.stack, s.logicalId)}`,
        ),
    },
  },
  'AWS::EKS::AccessEntry': {
    ref: (s) => `${s.required('PrincipalArn')}|${s.required('ClusterName')}`,
    attributes: {
      AccessEntryArn: (s) =>
        arn(
          s,
          'eks',
          `access-entry/${s.required('ClusterName')}/role/${s.env.accountId}/${String(s.required('PrincipalArn')).split('/').at(-1)}/${stableUuid(s.stack, s.logicalId)}`,
        ),
    },
  },
  'AWS::EKS::PodIdentityAssociation': {
    ref: (s) => arn(s, 'eks', `podidentityassociation/${s.required('ClusterName')}/${associationId(s)}`),
    attributes: {
      AssociationArn: (s) => s.ref,
      AssociationId: (s) => associationId(s),
      ExternalId: () => '',
    },
  },
  'AWS::ApiGatewayV2::Api': {
    ref: (s) => nameHash(s.stack, s.logicalId).slice(0, 10).toLowerCase(),
    attributes: {
      ApiId: (s) => s.ref,
      ApiEndpoint: (s) => s.env.httpApiUrl ?? `https://${s.ref}.execute-api.${s.env.region}.amazonaws.com`,
    },
  },
  ...customKinds,
  ...ec2Kinds,
};

const DEFAULT_KIND: Kind = { attributes: {} };

export const kindOf = (type: string): Kind => KINDS[type] ?? DEFAULT_KIND;

/** The resource's own name: the one its template states, else a generated one within the type's limit. */
export function physicalName(kind: Kind, scope: Omit<PhysicalScope, 'name' | 'ref'>): string {
  const rule = kind.name;
  const stated = rule === undefined ? undefined : scope.text(rule.property);
  if (stated !== undefined) return stated;
  const suffix = rule?.suffix?.(scope) ?? '';
  const generated = generatedName(
    rule?.prefix ?? scope.stack,
    scope.logicalId,
    (rule?.max ?? 128) - suffix.length,
  );
  return (rule?.lowerCase ? generated.toLowerCase() : generated) + suffix;
}

function table(): Kind {
  const attributes: Attributes = {
    Arn: (s) => arn(s, 'dynamodb', `table/${s.name}`),
    TableId: (s) => stableUuid(s.stack, s.logicalId),
    StreamArn: (s) => `${arn(s, 'dynamodb', `table/${s.name}`)}/stream/2026-01-01T00:00:00.000`,
  };
  return { name: { property: 'TableName', max: 255 }, attributes };
}

const iamArn = (s: PhysicalScope, what: string): string =>
  `arn:${s.env.partition}:iam::${s.env.accountId}:${what}${s.text('Path') ?? '/'}${s.name}`;

const oidcHost = (s: PhysicalScope): string =>
  `oidc.eks.${s.env.region}.amazonaws.com/id/${stableUuid(s.stack, s.logicalId).replaceAll('-', '').toUpperCase()}`;

const associationId = (s: PhysicalScope): string => `a-${nameHash(s.stack, s.logicalId).toLowerCase()}`;

/** `FunctionName` may be a name or an ARN. */
function functionArn(s: PhysicalScope): string {
  const name = String(s.required('FunctionName'));
  return name.startsWith('arn:') ? name : arn(s, 'lambda', `function:${name}`);
}

import { requestTags } from './context.ts';
import {
  arn,
  each,
  isArn,
  list,
  type Mapping,
  type MappingEnvironment,
  onAll,
  optionalText,
  record,
  type ServiceMappings,
  tagsOf,
  text,
} from './mapping.ts';

const onAlarms =
  (names: 'AlarmName' | 'AlarmNames'): Mapping =>
  (input, environment, operation) => {
    const given = names === 'AlarmName' ? [text(input, names)] : list(input, names).map(String);
    // Without names it reads all of them.
    return (given.length > 0 ? given : ['*']).map((name) => ({
      action: `cloudwatch:${operation}`,
      resource: arn('cloudwatch', environment, `alarm:${name}`),
      context: requestTags(tagsOf(input.Tags)),
    }));
  };

export const monitoring: ServiceMappings = {
  PutMetricData: (input) => [
    {
      action: 'cloudwatch:PutMetricData',
      resource: '*',
      context: { 'cloudwatch:namespace': text(input, 'Namespace') },
    },
  ],
  ...each(onAll('cloudwatch'), 'GetMetricData', 'GetMetricStatistics', 'ListMetrics'),
  ...each(onAlarms('AlarmName'), 'PutMetricAlarm', 'SetAlarmState', 'DescribeAlarmHistory'),
  ...each(
    onAlarms('AlarmNames'),
    'DescribeAlarms',
    'DeleteAlarms',
    'EnableAlarmActions',
    'DisableAlarmActions',
  ),
};

const busName = (value: string | undefined): string => (value ?? 'default').split('/').at(-1) ?? 'default';

const onRule =
  (member: 'Name' | 'Rule'): Mapping =>
  (input, environment, operation) => {
    const bus = busName(optionalText(input, 'EventBusName'));
    const rule = `rule/${bus === 'default' ? '' : `${bus}/`}${text(input, member)}`;
    return [
      {
        action: `events:${operation}`,
        resource: arn('events', environment, rule),
        context: requestTags(tagsOf(input.Tags)),
      },
    ];
  };

export const events: ServiceMappings = {
  PutEvents: (input, environment, operation) => {
    const buses = new Set(
      list(input, 'Entries').map((entry) => busName(optionalText(record(entry), 'EventBusName'))),
    );
    return [...buses].map((bus) => ({
      action: `events:${operation}`,
      resource: arn('events', environment, `event-bus/${bus}`),
    }));
  },
  ...each(onRule('Name'), 'PutRule', 'DescribeRule', 'DeleteRule', 'EnableRule', 'DisableRule'),
  ...each(onRule('Rule'), 'PutTargets', 'RemoveTargets', 'ListTargetsByRule'),
  ...each(onAll('events'), 'ListRules', 'TestEventPattern'),
};

const onSchedule: Mapping = (input, environment, operation) => [
  {
    action: `scheduler:${operation}`,
    resource: arn(
      'scheduler',
      environment,
      `schedule/${optionalText(input, 'GroupName') ?? 'default'}/${text(input, 'Name')}`,
    ),
  },
];

export const scheduler: ServiceMappings = {
  ...each(onSchedule, 'CreateSchedule', 'GetSchedule', 'UpdateSchedule', 'DeleteSchedule'),
  ...each(onAll('scheduler'), 'ListSchedules', 'ListScheduleGroups'),
};

/** ARNs of machines and executions are in the input; a version or alias qualifies a machine's. */
const onStates =
  (member: 'stateMachineArn' | 'executionArn'): Mapping =>
  (input, _environment, operation) => [{ action: `states:${operation}`, resource: text(input, member) }];

export const states: ServiceMappings = {
  ...each(
    onStates('stateMachineArn'),
    'StartExecution',
    'StartSyncExecution',
    'ListExecutions',
    'DescribeStateMachine',
    'UpdateStateMachine',
    'DeleteStateMachine',
  ),
  ...each(
    onStates('executionArn'),
    'DescribeExecution',
    'StopExecution',
    'GetExecutionHistory',
    'RedriveExecution',
  ),
  CreateStateMachine: (input, environment, operation) => [
    {
      action: `states:${operation}`,
      resource: arn('states', environment, `stateMachine:${text(input, 'name')}`),
    },
  ],
  ...each(
    onAll('states'),
    'ListStateMachines',
    'SendTaskSuccess',
    'SendTaskFailure',
    'SendTaskHeartbeat',
    'ValidateStateMachineDefinition',
  ),
};

const onFunction =
  (action?: string): Mapping =>
  (input, environment, operation) => {
    const given = text(input, 'FunctionName');
    const partial = given.startsWith('function:') ? given : (given.split(':function:')[1] ?? given);
    const name = isArn(given) ? given.split(':').slice(6).join(':') : partial.replace(/^function:/, '');
    const qualifier = name.includes(':') ? undefined : optionalText(input, 'Qualifier');
    const resource = arn('lambda', environment, `function:${name}${qualifier ? `:${qualifier}` : ''}`);
    return [{ action: `lambda:${action ?? operation}`, resource }];
  };

export const lambda: ServiceMappings = {
  Invoke: onFunction('InvokeFunction'),
  ...each(onFunction(), 'GetFunction', 'GetFunctionConfiguration'),
  ListFunctions: onAll('lambda'),
};

const parameterArn = (environment: MappingEnvironment, name: string): string =>
  isArn(name) ? name : arn('ssm', environment, `parameter/${name.replace(/^\//, '')}`);

const onParameter: Mapping = (input, environment, operation) => [
  {
    action: `ssm:${operation}`,
    resource: parameterArn(environment, text(input, 'Name')),
    context: requestTags(tagsOf(input.Tags)),
  },
];
const onParameters: Mapping = (input, environment, operation) =>
  list(input, 'Names').map((name) => ({
    action: `ssm:${operation}`,
    resource: parameterArn(environment, String(name)),
  }));

export const ssm: ServiceMappings = {
  ...each(onParameter, 'GetParameter', 'PutParameter', 'DeleteParameter', 'GetParameterHistory'),
  ...each(onParameters, 'GetParameters', 'DeleteParameters'),
  GetParametersByPath: (input, environment, operation) => [
    {
      action: `ssm:${operation}`,
      resource: parameterArn(environment, text(input, 'Path').replace(/\/+$/, '')),
    },
  ],
  DescribeParameters: onAll('ssm'),
};

/** Named by name or by ARN; policies know the ARN, whose end only the service knows. One that is not there is no one's. */
const onSecret: Mapping = (input, environment, operation) => {
  const name = text(input, 'SecretId');
  const resource =
    environment.resolve({ kind: 'secret', name })?.arn ??
    (isArn(name) ? name : arn('secretsmanager', environment, `secret:${name}-aaaaaa`));
  return [{ action: `secretsmanager:${operation}`, resource }];
};

export const secretsmanager: ServiceMappings = {
  ...each(onSecret, 'GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage', 'DescribeSecret'),
  CreateSecret: (input, environment, operation) => [
    {
      action: `secretsmanager:${operation}`,
      resource: arn('secretsmanager', environment, `secret:${text(input, 'Name')}-aaaaaa`),
    },
  ],
};

/** Every caller may ask who it is: no policy can forbid it, so nothing is checked. */
export const sts: ServiceMappings = { GetCallerIdentity: () => [] };

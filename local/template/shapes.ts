import { z } from 'zod';
import { boolean, json, labels, names, number } from './shapes-base.ts';

/** Property shapes per resource type: what the local runtime acts on; the rest (tags, encryption …) has no effect here. */

export const lambdaFunction = z
  .looseObject({
    Runtime: z.string(),
    Handler: z.string(),
    Role: z.string(),
    Code: z.looseObject({ S3Key: z.string().optional(), ZipFile: z.string().optional() }),
    Environment: z.looseObject({ Variables: z.record(z.string(), z.coerce.string()).default({}) }).optional(),
    Timeout: number.default(3),
    MemorySize: number.default(128),
    ReservedConcurrentExecutions: number.optional(),
  })
  .transform((p) => ({
    runtime: p.Runtime,
    handler: p.Handler,
    roleArn: p.Role,
    code: p.Code,
    environment: p.Environment?.Variables ?? {},
    timeoutSeconds: p.Timeout,
    memoryMb: p.MemorySize,
    reservedConcurrency: p.ReservedConcurrentExecutions,
  }));

export const eventInvokeConfig = z.looseObject({
  FunctionName: z.string(),
  MaximumRetryAttempts: number.default(2),
});

export const stateMachine = z
  .looseObject({
    RoleArn: z.string(),
    StateMachineType: z.enum(['STANDARD', 'EXPRESS']).default('STANDARD'),
    DefinitionString: z.string().optional(),
    Definition: json.optional(),
    DefinitionSubstitutions: z.record(z.string(), z.unknown()).default({}),
  })
  .transform((p) => ({
    type: p.StateMachineType,
    roleArn: p.RoleArn,
    definitionString: p.DefinitionString,
    definition: p.Definition,
    substitutions: p.DefinitionSubstitutions,
  }));

const redrive = z
  .looseObject({ deadLetterTargetArn: z.string(), maxReceiveCount: number })
  .transform((p) => ({ deadLetterTargetArn: p.deadLetterTargetArn, maxReceiveCount: p.maxReceiveCount }));

export const queue = z
  .looseObject({
    FifoQueue: boolean.default(false),
    VisibilityTimeout: number.default(30),
    DelaySeconds: number.default(0),
    MessageRetentionPeriod: number.default(345_600),
    ReceiveMessageWaitTimeSeconds: number.default(0),
    RedrivePolicy: redrive.optional(),
  })
  .transform((p) => ({
    fifo: p.FifoQueue,
    visibilityTimeoutSeconds: p.VisibilityTimeout,
    delaySeconds: p.DelaySeconds,
    retentionSeconds: p.MessageRetentionPeriod,
    receiveWaitSeconds: p.ReceiveMessageWaitTimeSeconds,
    redrive: p.RedrivePolicy,
  }));

const keySchema = z.array(z.object({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) }));

/** In the form that DynamoDB's CreateTable takes. */
export const table = z
  .looseObject({
    KeySchema: keySchema,
    AttributeDefinitions: z.array(
      z.object({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N', 'B']) }),
    ),
    BillingMode: z.enum(['PAY_PER_REQUEST', 'PROVISIONED']).default('PROVISIONED'),
    GlobalSecondaryIndexes: z
      .array(z.looseObject({ IndexName: z.string(), KeySchema: keySchema, Projection: json }))
      .default([]),
    TimeToLiveSpecification: z
      .looseObject({ AttributeName: z.string().optional(), Enabled: boolean })
      .optional(),
  })
  .transform((p) => ({
    keySchema: p.KeySchema,
    attributeDefinitions: p.AttributeDefinitions,
    billingMode: p.BillingMode,
    globalSecondaryIndexes: p.GlobalSecondaryIndexes,
    timeToLiveAttribute: p.TimeToLiveSpecification?.Enabled
      ? p.TimeToLiveSpecification.AttributeName
      : undefined,
  }));

export const schedule = z
  .looseObject({
    GroupName: z.string().default('default'),
    ScheduleExpression: z.string(),
    ScheduleExpressionTimezone: z.string().default('UTC'),
    State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
    FlexibleTimeWindow: z.looseObject({ Mode: z.enum(['OFF', 'FLEXIBLE']) }),
    Target: z.looseObject({ Arn: z.string(), RoleArn: z.string(), Input: z.string().optional() }),
  })
  .transform((p) => ({
    group: p.GroupName,
    expression: p.ScheduleExpression,
    timezone: p.ScheduleExpressionTimezone,
    enabled: p.State === 'ENABLED',
    target: { arn: p.Target.Arn, roleArn: p.Target.RoleArn, input: p.Target.Input },
  }));

const ruleTarget = z
  .looseObject({
    Id: z.string(),
    Arn: z.string(),
    RoleArn: z.string().optional(),
    Input: z.string().optional(),
    InputPath: z.string().optional(),
    InputTransformer: z
      .looseObject({ InputPathsMap: labels.default({}), InputTemplate: z.string() })
      .optional(),
  })
  .transform((p) => ({
    id: p.Id,
    arn: p.Arn,
    roleArn: p.RoleArn,
    input: p.Input,
    inputPath: p.InputPath,
    inputTransformer: p.InputTransformer && {
      inputPathsMap: p.InputTransformer.InputPathsMap,
      inputTemplate: p.InputTransformer.InputTemplate,
    },
  }));

export const rule = z
  .looseObject({
    EventBusName: z.string().default('default'),
    EventPattern: json.optional(),
    ScheduleExpression: z.string().optional(),
    State: z.string().default('ENABLED'),
    Targets: z.array(ruleTarget).default([]),
  })
  .transform((p) => ({
    eventBusName: p.EventBusName,
    eventPattern: p.EventPattern,
    scheduleExpression: p.ScheduleExpression,
    enabled: p.State !== 'DISABLED',
    targets: p.Targets,
  }));

const dimensions = z
  .array(z.object({ Name: z.string(), Value: z.string() }))
  .transform((list) => Object.fromEntries(list.map(({ Name, Value }) => [Name, Value])));

const metricQuery = z
  .looseObject({
    Id: z.string(),
    Expression: z.string().optional(),
    ReturnData: boolean.optional(),
    MetricStat: z
      .looseObject({
        Metric: z.looseObject({
          Namespace: z.string(),
          MetricName: z.string(),
          Dimensions: dimensions.default({}),
        }),
        Period: number,
        Stat: z.string(),
      })
      .optional(),
  })
  .transform((p) => ({
    id: p.Id,
    expression: p.Expression,
    // CloudWatch's default: a query that isn't told otherwise returns data.
    returnData: p.ReturnData ?? true,
    metric: p.MetricStat && {
      namespace: p.MetricStat.Metric.Namespace,
      metricName: p.MetricStat.Metric.MetricName,
      dimensions: p.MetricStat.Metric.Dimensions,
      periodSeconds: p.MetricStat.Period,
      statistic: p.MetricStat.Stat,
    },
  }));

export const alarm = z
  .looseObject({
    Namespace: z.string().optional(),
    MetricName: z.string().optional(),
    Dimensions: dimensions.default({}),
    Statistic: z.string().optional(),
    Period: number.optional(),
    Metrics: z.array(metricQuery).default([]),
    EvaluationPeriods: number,
    DatapointsToAlarm: number.optional(),
    Threshold: number.optional(),
    ComparisonOperator: z.string(),
    TreatMissingData: z.enum(['breaching', 'notBreaching', 'ignore', 'missing']).default('missing'),
    ActionsEnabled: boolean.default(true),
    AlarmActions: names.default([]),
    OKActions: names.default([]),
    InsufficientDataActions: names.default([]),
  })
  .transform((p) => ({
    /** Of a plain alarm; undefined when `metrics` holds queries. */
    metric:
      p.MetricName === undefined || p.Namespace === undefined
        ? undefined
        : {
            namespace: p.Namespace,
            metricName: p.MetricName,
            dimensions: p.Dimensions,
            periodSeconds: p.Period ?? 60,
            statistic: p.Statistic ?? 'Average',
          },
    metrics: p.Metrics,
    evaluationPeriods: p.EvaluationPeriods,
    datapointsToAlarm: p.DatapointsToAlarm ?? p.EvaluationPeriods,
    threshold: p.Threshold,
    comparisonOperator: p.ComparisonOperator,
    treatMissingData: p.TreatMissingData,
    actionsEnabled: p.ActionsEnabled,
    alarmActions: p.AlarmActions,
    okActions: p.OKActions,
    insufficientDataActions: p.InsufficientDataActions,
  }));

export const parameter = z
  .looseObject({
    Type: z.enum(['String', 'StringList']),
    Value: z.string(),
    Tier: z.string().default('Standard'),
  })
  .transform((p) => ({ type: p.Type, value: p.Value, tier: p.Tier }));

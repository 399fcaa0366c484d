import { z } from 'zod';
import type { Assembly } from './assembly.ts';
import { TemplateError } from './errors.ts';
import type { ResolvedResource } from './resolve.ts';
import * as shapes from './shapes.ts';
import * as eks from './shapes-eks.ts';

/** Where a view comes from, and its names in AWS. */
export interface Origin {
  readonly stack: string;
  readonly logicalId: string;
  readonly name: string;
  readonly arn: string;
}

export interface FunctionView extends Origin {
  readonly runtime: string;
  readonly handler: string;
  readonly roleArn: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  /** Bundle directory (or zip file); undefined for code that stands in the template itself. */
  readonly codePath: string | undefined;
  readonly reservedConcurrency: number | undefined;
  /** Retries of asynchronous invocations, 0 to 2. */
  readonly asyncRetries: number;
  /** Serves custom resources only: AWS runs it while it deploys, the local runtime never. */
  readonly deploymentOnly: boolean;
}

export interface StateMachineView extends Origin {
  readonly type: 'STANDARD' | 'EXPRESS';
  readonly roleArn: string;
  readonly definition: Readonly<Record<string, unknown>>;
}

export interface QueueView extends Origin {
  readonly url: string;
  readonly fifo: boolean;
  readonly visibilityTimeoutSeconds: number;
  readonly delaySeconds: number;
  readonly retentionSeconds: number;
  readonly receiveWaitSeconds: number;
  readonly redrive: { readonly deadLetterTargetArn: string; readonly maxReceiveCount: number } | undefined;
}

type View<S extends z.ZodType> = Origin & z.infer<S>;
export type TableView = View<typeof shapes.table>;
export type BucketView = Origin;
export type ScheduleView = View<typeof shapes.schedule> & { readonly group: string };
export type RuleView = View<typeof shapes.rule>;
export type AlarmView = View<typeof shapes.alarm>;
export type ClusterView = View<typeof eks.cluster>;
export type NodegroupView = View<typeof eks.nodegroup>;
export type AccessEntryView = View<typeof eks.accessEntry>;
export type PodIdentityView = View<typeof eks.podIdentity>;
export type ParameterView = View<typeof shapes.parameter>;

/** The template's resources in typed form. */
export interface Resources {
  readonly functions: readonly FunctionView[];
  readonly stateMachines: readonly StateMachineView[];
  readonly queues: readonly QueueView[];
  readonly tables: readonly TableView[];
  readonly buckets: readonly BucketView[];
  readonly schedules: readonly ScheduleView[];
  readonly rules: readonly RuleView[];
  readonly alarms: readonly AlarmView[];
  readonly clusters: readonly ClusterView[];
  readonly nodegroups: readonly NodegroupView[];
  readonly accessEntries: readonly AccessEntryView[];
  readonly podIdentities: readonly PodIdentityView[];
  readonly parameters: readonly ParameterView[];
}

/** Throws TemplateError for a resource whose shape the local runtime doesn't know. */
export function typedResources(resources: readonly ResolvedResource[], assembly: Assembly): Resources {
  const all = <T>(types: string | readonly string[], view: (resource: ResolvedResource) => T): T[] =>
    resources.filter(({ type }) => types === type || types.includes(type)).map(view);
  const shaped = <S extends z.ZodType>(type: string, shape: S, arnAttribute = 'Arn') =>
    all([type], (r) => ({ ...origin(r, arnAttribute), ...(parseShape(r, shape) as object) }) as View<S>);
  return {
    functions: functionViews(resources, assembly),
    stateMachines: all('AWS::StepFunctions::StateMachine', stateMachineView),
    queues: all('AWS::SQS::Queue', queueView),
    tables: shaped('AWS::DynamoDB::Table', shapes.table).concat(
      shaped('AWS::DynamoDB::GlobalTable', shapes.table),
    ),
    buckets: all(['AWS::S3::Bucket'], (r) => origin(r)),
    schedules: shaped('AWS::Scheduler::Schedule', shapes.schedule),
    rules: shaped('AWS::Events::Rule', shapes.rule),
    alarms: shaped('AWS::CloudWatch::Alarm', shapes.alarm),
    clusters: shaped('AWS::EKS::Cluster', eks.cluster),
    nodegroups: shaped('AWS::EKS::Nodegroup', eks.nodegroup),
    accessEntries: shaped('AWS::EKS::AccessEntry', eks.accessEntry, 'AccessEntryArn'),
    podIdentities: shaped('AWS::EKS::PodIdentityAssociation', eks.podIdentity, 'AssociationArn'),
    parameters: [
      ...all('AWS::SSM::Parameter', (r) => ({ ...origin(r, null), ...parseShape(r, shapes.parameter) })),
      ...all('Custom::InitialValue', (r) => ({
        ...origin(r, null),
        name: r.ref,
        type: 'String' as const,
        value: String(r.attribute('Value')),
        tier: 'Standard',
      })),
    ],
  };
}

/** Parses a resource's properties; the error names stack, resource and property. */
export function parseShape<T>(resource: ResolvedResource, shape: z.ZodType<T>): T {
  const parsed = shape.safeParse(resource.properties);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TemplateError(
    {
      stack: resource.stack,
      resource: resource.logicalId,
      path: ['Properties', ...(issue?.path ?? []).map((key) => String(key))],
    },
    `${resource.type} has a shape that the local runtime doesn't know: ${issue?.message ?? 'unknown'}`,
  );
}

function origin(resource: ResolvedResource, arnAttribute: string | null = 'Arn'): Origin {
  const { stack, logicalId, name } = resource;
  return {
    stack,
    logicalId,
    name,
    arn: arnAttribute === null ? '' : String(resource.attribute(arnAttribute)),
  };
}

function queueView(resource: ResolvedResource): QueueView {
  return { ...origin(resource), url: resource.ref, ...parseShape(resource, shapes.queue) };
}

function stateMachineView(resource: ResolvedResource): StateMachineView {
  const { definitionString, definition, substitutions, ...rest } = parseShape(resource, shapes.stateMachine);
  const where = { stack: resource.stack, resource: resource.logicalId, path: ['Properties'] };
  const text = definitionString ?? (definition === undefined ? undefined : JSON.stringify(definition));
  if (text === undefined)
    throw new TemplateError(where, 'needs a DefinitionString: S3 locations are not read');
  const filled = text.replace(/\$\{([A-Za-z0-9_]+)\}/g, (_, key: string) => {
    const value = substitutions[key];
    if (value !== undefined) return JSON.stringify(String(value)).slice(1, -1);
    throw new TemplateError(
      where,
      `the definition holds \${${key}}, but DefinitionSubstitutions has no ${key}`,
    );
  });
  return { ...origin(resource), ...rest, definition: parseJson(filled, where) };
}

function parseJson(text: string, where: ConstructorParameters<typeof TemplateError>[0]) {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch (error) {
    throw new TemplateError(where, `the definition is not JSON: ${String(error)}`);
  }
}

function functionViews(resources: readonly ResolvedResource[], assembly: Assembly): FunctionView[] {
  const asyncRetries = new Map<string, number>();
  for (const resource of resources) {
    if (resource.type !== 'AWS::Lambda::EventInvokeConfig') continue;
    const { FunctionName, MaximumRetryAttempts } = parseShape(resource, shapes.eventInvokeConfig);
    asyncRetries.set(FunctionName, MaximumRetryAttempts);
  }
  const views = resources
    .filter(({ type }) => type === 'AWS::Lambda::Function')
    .map((resource): FunctionView => {
      const { code, ...shape } = parseShape(resource, shapes.lambdaFunction);
      const named = origin(resource);
      return {
        ...named,
        ...shape,
        codePath: code.S3Key === undefined ? undefined : assetPath(resource, code.S3Key, assembly),
        asyncRetries: asyncRetries.get(named.name) ?? asyncRetries.get(named.arn) ?? 2,
        deploymentOnly: false,
      };
    });
  const providers = customResourceProviders(resources, views);
  return views.map((view) => ({ ...view, deploymentOnly: providers.has(view.arn) }));
}

function assetPath(resource: ResolvedResource, key: string, assembly: Assembly): string {
  const asset = assembly.assets.get(key);
  if (asset !== undefined) return asset.path;
  throw new TemplateError(
    { stack: resource.stack, resource: resource.logicalId, path: ['Properties', 'Code', 'S3Key'] },
    `no asset ${key} in ${assembly.directory}`,
  );
}

/** Functions behind a ServiceToken, and those that these name in their environment (CDK's provider framework). */
function customResourceProviders(
  resources: readonly ResolvedResource[],
  functions: readonly FunctionView[],
): Set<string> {
  const found = new Set<string>();
  const tokens = resources.flatMap(({ properties }) => properties.ServiceToken ?? []).map(String);
  const visit = (arn: string) => {
    const view = functions.find((candidate) => candidate.arn === arn);
    if (view === undefined || found.has(arn)) return;
    found.add(arn);
    for (const value of Object.values(view.environment)) visit(value);
  };
  for (const token of tokens) visit(token);
  return found;
}

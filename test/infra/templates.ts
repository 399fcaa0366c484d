import { App } from 'aws-cdk-lib';
import {
  buildApp,
  CLUSTER_STACK,
  CONTROL_PLANE_STACK,
  cdkJsonContext,
  MONITORING_STACK,
  STATE_STACK,
} from '../../infra/app.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';
import { ClusterStack } from '../../infra/stacks/cluster-stack.ts';

export interface Resource {
  Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: the shape is CloudFormation's, and the assertions are the check
  Properties: Record<string, any>;
  DependsOn?: string[];
  DeletionPolicy?: string;
  Metadata?: Record<string, unknown>;
}

export interface Template {
  Resources: Record<string, Resource>;
  Outputs: Record<string, { Value: unknown }>;
  Metadata?: Record<string, unknown>;
}

export interface Synthesized {
  readonly state: Template;
  readonly cluster: Template;
  readonly controlPlane: Template;
  readonly monitoring: Template;
  /** Where it all lies. */
  readonly directory: string;
  /** Stacks as they are deployed. */
  readonly order: string[];
  /** What synthesis would have had to look up in an account. */
  readonly missing: readonly unknown[];
}

/** All templates, synthesized in process without code. */
export function synthesize(config: PaddockConfig): Synthesized {
  const assembly = buildApp(config, { bundle: false }).synth();
  const template = (name: string) => assembly.getStackByName(name).template as Template;
  return {
    state: template(STATE_STACK),
    cluster: template(CLUSTER_STACK),
    controlPlane: template(CONTROL_PLANE_STACK),
    monitoring: template(MONITORING_STACK),
    directory: assembly.directory,
    order: assembly.stacks.map(({ stackName }) => stackName),
    missing: assembly.manifest.missing ?? [],
  };
}

/** The cluster's template alone, which takes a fraction of the time. */
export function synthesizeCluster(config: PaddockConfig): Template {
  const app = new App({
    context: cdkJsonContext(),
    analyticsReporting: false,
    builtinCloudFormationValidation: false,
  });
  new ClusterStack(app, CLUSTER_STACK, { env: { region: config.region }, config });
  return app.synth().getStackByName(CLUSTER_STACK).template as Template;
}

export const ofType = (template: Template, type: string): [string, Resource][] =>
  Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);

/** The one resource of a type whose properties have these values. */
export function one(
  template: Template,
  type: string,
  properties: Record<string, unknown> = {},
): [string, Resource] {
  const found = ofType(template, type).filter(([, resource]) =>
    Object.entries(properties).every(([key, value]) => resource.Properties[key] === value),
  );
  if (found.length !== 1)
    throw new Error(`${found.length} resources of ${type} with ${JSON.stringify(properties)}`);
  return found[0] as [string, Resource];
}

/** The node group of the system: the one whose name CloudFormation makes up. */
export function systemNodesOf(template: Template): [string, Resource] {
  const unnamed = ofType(template, 'AWS::EKS::Nodegroup').filter(
    ([, { Properties }]) => Properties.NodegroupName === undefined,
  );
  if (unnamed.length !== 1) throw new Error(`${unnamed.length} node groups without a name`);
  return unnamed[0] as [string, Resource];
}

export interface Statement {
  Action: string | string[];
  Resource: unknown;
  Condition?: unknown;
}

/** The inline statements of a role, by the role's logical id. */
export const statementsOf = (template: Template, roleId: string): Statement[] =>
  ofType(template, 'AWS::IAM::Policy')
    .filter(([, { Properties }]) => Properties.Roles.some((role: { Ref: string }) => role.Ref === roleId))
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as Statement[]);

export const actionsOf = (statement: Statement): string[] => [statement.Action].flat();

export const getAtt = (id: string, attribute: string) => ({ 'Fn::GetAtt': [id, attribute] });

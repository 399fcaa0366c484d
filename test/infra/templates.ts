import { buildApp, CLUSTER_STACK, CONTROL_PLANE_STACK } from '../../infra/app.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';

export interface Resource {
  Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: the shape is CloudFormation's, and the assertions are the check
  Properties: Record<string, any>;
  DependsOn?: string[];
  Metadata?: Record<string, unknown>;
}

export interface Template {
  Resources: Record<string, Resource>;
  Outputs: Record<string, { Value: unknown }>;
  Metadata?: Record<string, unknown>;
}

/** Both templates, synthesized in process without code. */
export function synthesize(config: PaddockConfig): { cluster: Template; controlPlane: Template } {
  const assembly = buildApp(config, { bundle: false }).synth();
  return {
    cluster: assembly.getStackByName(CLUSTER_STACK).template as Template,
    controlPlane: assembly.getStackByName(CONTROL_PLANE_STACK).template as Template,
  };
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

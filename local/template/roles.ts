import { z } from 'zod';
import { managedPolicy, type PolicyDocument } from './aws-managed-policies.ts';
import { TemplateError } from './errors.ts';
import type { ResolvedResource } from './resolve.ts';
import { parseShape, type Resources } from './resources.ts';

/** Who acts as a role. */
export interface Assumer {
  readonly kind: 'function' | 'stateMachine' | 'schedule' | 'rule' | 'pod' | 'cluster' | 'nodegroup';
  /** Name of the function, state machine …; `<namespace>/<service account>` of pods. */
  readonly name: string;
}

export interface RoleView {
  readonly stack: string;
  readonly logicalId: string;
  readonly name: string;
  readonly arn: string;
  readonly trust: PolicyDocument;
  /** Resolved: inline, attached policies of the templates, and those AWS-managed ones that matter here. */
  readonly policies: readonly PolicyDocument[];
  /** Of `policies`, those that the templates write themselves. */
  readonly ownPolicies: readonly PolicyDocument[];
  /** ARNs of AWS-managed policies that are attached. */
  readonly managedPolicyArns: readonly string[];
  readonly assumedBy: readonly Assumer[];
}

const document = z.record(z.string(), z.unknown());

const roleShape = z.looseObject({
  AssumeRolePolicyDocument: document,
  Policies: z.array(z.looseObject({ PolicyDocument: document })).default([]),
  ManagedPolicyArns: z.array(z.string()).default([]),
});

const attachedShape = z.looseObject({
  PolicyDocument: document,
  Roles: z.array(z.string()).default([]),
});

const rolePolicyShape = z.looseObject({ PolicyDocument: document, RoleName: z.string() });

/** Every AWS::IAM::Role with what it may do and who acts as it. */
export function roleViews(resources: readonly ResolvedResource[], typed: Resources): RoleView[] {
  const of = (type: string) => resources.filter((resource) => resource.type === type);
  const attached = attachments(of);
  const roles = of('AWS::IAM::Role').map((resource) => {
    const shape = parseShape(resource, roleShape);
    const arn = String(resource.attribute('Arn'));
    const isOwn = (policyArn: string) => attached.byArn.has(policyArn);
    const ownPolicies: PolicyDocument[] = [
      ...shape.Policies.map(({ PolicyDocument }) => PolicyDocument),
      ...shape.ManagedPolicyArns.filter(isOwn).map(
        (policyArn) => attached.byArn.get(policyArn) as PolicyDocument,
      ),
      ...(attached.byRole.get(resource.name) ?? []),
    ];
    attached.byRole.delete(resource.name);
    const managedPolicyArns = shape.ManagedPolicyArns.filter((policyArn) => !isOwn(policyArn));
    const managed = managedPolicyArns.map(managedPolicy).filter((policy) => policy !== undefined);
    return {
      stack: resource.stack,
      logicalId: resource.logicalId,
      name: resource.name,
      arn,
      trust: shape.AssumeRolePolicyDocument,
      policies: [...managed, ...ownPolicies],
      ownPolicies,
      managedPolicyArns,
      assumedBy: assumers(arn, typed),
    };
  });
  for (const [role] of attached.byRole) throw unknownRole(role, resources);
  return roles;
}

function attachments(of: (type: string) => ResolvedResource[]) {
  const byRole = new Map<string, PolicyDocument[]>();
  const byArn = new Map<string, PolicyDocument>();
  const attach = (role: string, policy: PolicyDocument) =>
    byRole.set(role, [...(byRole.get(role) ?? []), policy]);
  for (const resource of of('AWS::IAM::Policy')) {
    const { PolicyDocument, Roles } = parseShape(resource, attachedShape);
    for (const role of Roles) attach(role, PolicyDocument);
  }
  for (const resource of of('AWS::IAM::RolePolicy')) {
    const { PolicyDocument, RoleName } = parseShape(resource, rolePolicyShape);
    attach(RoleName, PolicyDocument);
  }
  for (const resource of of('AWS::IAM::ManagedPolicy')) {
    const { PolicyDocument, Roles } = parseShape(resource, attachedShape);
    byArn.set(resource.ref, PolicyDocument);
    for (const role of Roles) attach(role, PolicyDocument);
  }
  return { byRole, byArn };
}

function assumers(roleArn: string, typed: Resources): Assumer[] {
  return [
    ...typed.functions.filter((view) => view.roleArn === roleArn).map(named('function')),
    ...typed.stateMachines.filter((view) => view.roleArn === roleArn).map(named('stateMachine')),
    ...typed.schedules.filter((view) => view.target.roleArn === roleArn).map(named('schedule')),
    ...typed.rules
      .filter((view) => view.targets.some((target) => target.roleArn === roleArn))
      .map(named('rule')),
    ...typed.podIdentities
      .filter((view) => view.roleArn === roleArn)
      .map((view) => ({ kind: 'pod' as const, name: `${view.namespace}/${view.serviceAccount}` })),
    ...typed.clusters.filter((view) => view.roleArn === roleArn).map(named('cluster')),
    ...typed.nodegroups.filter((view) => view.nodeRoleArn === roleArn).map(named('nodegroup')),
  ];
}

const named =
  (kind: Assumer['kind']) =>
  ({ name }: { name: string }): Assumer => ({ kind, name });

function unknownRole(role: string, resources: readonly ResolvedResource[]): TemplateError {
  const policy = resources.find(
    ({ type, properties }) =>
      /^AWS::IAM::(Policy|ManagedPolicy|RolePolicy)$/.test(type) && JSON.stringify(properties).includes(role),
  );
  return new TemplateError(
    { stack: policy?.stack ?? '?', resource: policy?.logicalId ?? '?', path: ['Properties', 'Roles'] },
    `attaches to the role ${role}, which no template creates`,
  );
}

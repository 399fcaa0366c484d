import { CfnResource, Stack, Validations } from 'aws-cdk-lib';
import { CfnRole, PolicyStatement, type PolicyStatementProps, type Role } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** A rule of cdk-nag (`AwsSolutions-…`), checkov (`CKV…`), cfn-lint (`W3010`), or the CDK's validation of templates. */
export type Rule =
  | `AwsSolutions-${string}`
  | `CloudFormation-Validate::${string}`
  | `CKV_AWS_${number}`
  | `CKV2_AWS_${number}`
  | `${'E' | 'W' | 'I'}${number}`;

/** Why a finding of each rule is right as it is. */
export type Accepted = Readonly<Partial<Record<Rule, string>>>;

/** Where a template says why; checkov and cdk-nag keep reasons of their own too, cfn-lint has no place for one. */
export const REASONS_KEY = 'paddock:accepted-findings';

/** checkov's CKV_AWS_158, the same for every log group of ours. */
export const LOGS_OF_AWS_KEY =
  "CloudWatch Logs encrypts with AWS's own key; a key of one's own costs by the month and can lock the logs away.";

const CDK = /^(AwsSolutions-|CloudFormation-Validate::)/;
const CHECKOV = /^CKV/;
const CFN_LINT = /^[EWI]\d/;

/**
 * Accepts findings of the three checkers at the resource that they are about, in the form that each of them reads
 * (`npm run lint:cloud`). Nothing else may hold a finding back: no flag, no list in another file.
 *
 * cdk-nag takes a finding of a rule that reports several, such as `AwsSolutions-IAM4[Policy::…]`, one by one.
 *
 * @param at the construct whose resource it is; a stack takes cfn-lint's rules for the whole template
 * @throws Error when a stack is to take another rule, and when `at` has no CloudFormation resource of its own to carry a rule of checkov or cfn-lint
 */
export function acceptFindings(at: IConstruct, accepted: Accepted): void {
  const entries = Object.entries(accepted) as [Rule, string][];
  if (Stack.isStack(at) && entries.some(([rule]) => !CFN_LINT.test(rule)))
    throw new Error(
      `Accept findings of cdk-nag and checkov at their resource, not in all of ${at.stackName}.`,
    );
  const of = (pattern: RegExp) => entries.filter(([rule]) => pattern.test(rule));

  for (const [id, reason] of of(CDK)) Validations.of(at).acknowledge({ id, reason });
  const inTemplate = [...of(CHECKOV), ...of(CFN_LINT)];
  if (inTemplate.length === 0) return;

  const metadata = metadataOf(at);
  metadata(REASONS_KEY, Object.fromEntries(inTemplate));
  const skipped = of(CHECKOV).map(([id, comment]) => ({ id, comment }));
  if (skipped.length > 0) metadata('checkov', { skip: skipped });
  const ignored = of(CFN_LINT).map(([rule]) => rule);
  if (ignored.length > 0) metadata('cfn-lint', { config: { ignore_checks: ignored } });
}

/** Adds to what a resource, or a stack's template, already carries under a key. */
function metadataOf(at: IConstruct): (key: string, value: object) => void {
  if (Stack.isStack(at))
    return (key, value) => {
      at.templateOptions.metadata = merged(at.templateOptions.metadata ?? {}, { [key]: value });
    };
  const resource = CfnResource.isCfnResource(at) ? at : at.node.defaultChild;
  if (!resource || !CfnResource.isCfnResource(resource))
    throw new Error(
      `${at.node.path} has no resource of its own: accept its findings at the resource itself.`,
    );
  return (key, value) =>
    resource.addMetadata(key, merged({ [key]: resource.getMetadata(key) ?? {} }, { [key]: value })[key]);
}

type Tree = Record<string, unknown>;

/** Objects are merged, lists are joined. */
function merged(one: Tree, other: Tree): Tree {
  const result = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const before = result[key];
    if (Array.isArray(before) && Array.isArray(value)) result[key] = [...before, ...value];
    else result[key] = isTree(before) && isTree(value) ? merged(before, value) : value;
  }
  return result;
}

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export interface PatternStatementProps extends PolicyStatementProps {
  readonly resources: string[];
  /** Why no narrower resource does. */
  readonly reason: string;
  /** checkov's rules about the policy that the same reason answers. */
  readonly checkov?: readonly (Rule & `CKV${string}`)[];
}

/** A statement that grants on `*` or on a pattern, and why. Add it with `grant`, or tell the role with `acceptPatterns`. */
export class PatternStatement extends PolicyStatement {
  readonly reason: string;
  readonly patterns: readonly string[];
  readonly checkov: readonly Rule[];

  constructor({ reason, checkov = [], ...props }: PatternStatementProps) {
    super(props);
    this.reason = reason;
    this.patterns = props.resources.filter((resource) => resource.includes('*'));
    this.checkov = checkov;
  }
}

/** Adds a statement to a role; the reason of a `PatternStatement` goes to the role's policy. */
export function grant(role: Role, statement: PolicyStatement): void {
  role.addToPolicy(statement);
  acceptPatterns(role.node.findChild('DefaultPolicy'), [statement]);
}

/** Takes over the reasons of the `PatternStatement`s among a policy's statements; `at` is a role if they stand in it. */
export function acceptPatterns(at: IConstruct, statements: readonly PolicyStatement[]): void {
  for (const statement of statements) {
    if (!(statement instanceof PatternStatement)) continue;
    const { patterns, reason, checkov } = statement;
    for (const pattern of patterns) acceptPattern(at, pattern, reason);
    acceptFindings(at, Object.fromEntries(checkov.map((rule) => [rule, reason])));
  }
}

/** Accepts that a policy, or a role's policies, grant on a pattern. A `PatternStatement` does it by itself. */
export function acceptPattern(at: IConstruct, pattern: string, reason: string): void {
  // cdk-nag names the finding by the resource, its references written as `<Id.Attribute>`.
  acceptFindings(at, { [`AwsSolutions-IAM5[Resource::${flat(Stack.of(at).resolve(pattern))}]`]: reason });
}

/** Accepts that a role has the policies of AWS that it has by now: their statements are AWS's to keep current. */
export function acceptManagedPolicies(role: IConstruct, reason: string): void {
  const resource = role.node.defaultChild;
  if (!(resource instanceof CfnRole)) throw new Error(`${role.node.path} is no role of this application.`);
  const policies = Stack.of(role).resolve(resource.managedPolicyArns) as unknown[];
  for (const policy of policies)
    acceptFindings(role, { [`AwsSolutions-IAM4[Policy::${flat(policy)}]`]: reason });
}

function flat(value: unknown): string {
  if (typeof value === 'string') return value;
  const reference = value as { Ref?: string; 'Fn::GetAtt'?: string[]; 'Fn::Join'?: [string, unknown[]] };
  if (reference['Fn::Join']) return reference['Fn::Join'][1].map(flat).join(reference['Fn::Join'][0]);
  if (reference['Fn::GetAtt']) return `<${reference['Fn::GetAtt'].join('.')}>`;
  if (reference.Ref) return `<${reference.Ref}>`;
  return JSON.stringify(value);
}

import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';
import { buildApp } from '../../infra/app.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';
import type { Template } from '../infra/templates.ts';
import type { Finding, Subject } from './finding.ts';

export interface Synthesized {
  readonly subjects: Subject[];
  /** cdk-nag's, those aside that a construct accepts. */
  readonly findings: Finding[];
  /** cdk-nag's, as if nothing were accepted. */
  readonly all: Finding[];
  /** What constructs accept of cdk-nag's, with their reasons. */
  readonly accepted: Finding[];
}

/** Synthesizes a variant without code and lets cdk-nag judge it. */
export function synthesizeVariant(variant: string, config: PaddockConfig): Synthesized {
  const app = buildApp(config, { bundle: false });
  const subjects = app.synth().stacks.map(({ stackName: stack, template }) => ({
    variant,
    stack,
    template: template as Template,
  }));
  const strict = Object.assign(new AwsSolutionsChecks(), { isAcknowledged: () => false });
  return {
    subjects,
    findings: nagFindings(variant, app, new AwsSolutionsChecks()),
    all: nagFindings(variant, app, strict),
    accepted: acknowledged(variant, app),
  };
}

const nagFindings = (variant: string, app: App, pack: AwsSolutionsChecks): Finding[] =>
  pack
    .validateScope(app)
    .violations.flatMap(({ ruleName, description, violatingResources }) =>
      violatingResources.map(({ constructPath }) =>
        nagFinding(variant, ruleName, description, constructPath ?? ''),
      ),
    );

const acknowledged = (variant: string, construct: IConstruct): Finding[] =>
  construct.node.findAll().flatMap(({ node }) =>
    node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries(data as Record<string, string>))
      .map(([rule, reason]) => nagFinding(variant, rule.replace(/^annotation::/i, ''), reason, node.path))
      // The CDK accepts rules of its own validation by the same means.
      .filter(({ rule }) => rule.startsWith('AwsSolutions-')),
  );

const nagFinding = (variant: string, rule: string, message: string, path: string): Finding => ({
  checker: 'cdk-nag',
  rule,
  message,
  variant,
  stack: path.split('/')[0] ?? '',
  resource: path,
});

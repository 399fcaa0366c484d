import { REASONS_KEY } from '../../infra/constructs/findings.ts';
import type { Template } from '../infra/templates.ts';

export type Checker = 'cdk-nag' | 'cfn-lint' | 'checkov';

/** What a checker says of one resource of one variant. */
export interface Finding {
  readonly checker: Checker;
  readonly rule: string;
  readonly message: string;
  readonly variant: string;
  readonly stack: string;
  /** Logical id, or the construct's path for cdk-nag; undefined when it is about the whole template. */
  readonly resource: string | undefined;
}

/** One template of one variant. */
export interface Subject {
  readonly variant: string;
  readonly stack: string;
  readonly template: Template;
}

/** A copy in which nothing is accepted, so that the checkers say all that they have to say. */
export function bare(template: Template): Template {
  const copy = structuredClone(template);
  for (const { Metadata } of [copy, ...Object.values(copy.Resources)])
    for (const key of ['checkov', 'cfn-lint']) delete Metadata?.[key];
  return copy;
}

/** What the template accepts, as findings with the reason as their message. */
export function acceptedIn({ variant, stack, template }: Subject): Finding[] {
  const holders = [[undefined, template] as const, ...Object.entries(template.Resources)];
  return holders.flatMap(([resource, { Metadata }]) =>
    Object.entries((Metadata?.[REASONS_KEY] ?? {}) as Record<string, string>).map(([rule, message]) => ({
      checker: rule.startsWith('CKV') ? ('checkov' as const) : ('cfn-lint' as const),
      rule,
      message,
      variant,
      stack,
      resource,
    })),
  );
}

/** What no acceptance covers. */
export const open = (found: readonly Finding[], accepted: readonly Finding[]): Finding[] =>
  found.filter((one) => !accepted.some((other) => covers(other, one)));

/** What is accepted though no checker finds it: in every variant, because a resource may be fine in some. */
export function idle(accepted: readonly Finding[], found: readonly Finding[]): Finding[] {
  const used = accepted.filter((one) => found.some((other) => covers(one, other))).map(place);
  return uniqueBy(
    accepted.filter((one) => !used.includes(place(one))),
    place,
  );
}

/** cdk-nag takes an acceptance for everything below a construct, cfn-lint one at the template for all of it. */
const covers = (accepted: Finding, found: Finding): boolean =>
  accepted.rule === found.rule &&
  accepted.variant === found.variant &&
  accepted.stack === found.stack &&
  (accepted.resource === undefined ||
    accepted.resource === found.resource ||
    (accepted.checker === 'cdk-nag' && !!found.resource?.startsWith(`${accepted.resource}/`)));

/** The same place in whatever variant. */
export const place = ({ rule, stack, resource }: Finding): string => `${rule} ${stack} ${resource ?? ''}`;

export const uniqueBy = <T>(items: readonly T[], key: (item: T) => string): T[] => [
  ...new Map(items.map((item) => [key(item), item])).values(),
];

/** One row per place, with the variants that show it. */
export function grouped(findings: readonly Finding[]): (Finding & { variants: string[] })[] {
  return uniqueBy(findings, place).map((one) => ({
    ...one,
    variants: uniqueBy(
      findings.filter((other) => place(other) === place(one)).map(({ variant }) => variant),
      String,
    ),
  }));
}

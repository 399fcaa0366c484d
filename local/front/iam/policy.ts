import { z } from 'zod';
import { findService } from '../services.ts';

const many = <T extends z.ZodType>(item: T) =>
  z.union([item, z.array(item)]).transform((value) => [value].flat() as z.output<T>[]);

const statementSchema = z.looseObject({
  Effect: z.enum(['Allow', 'Deny']),
  Action: many(z.string()).optional(),
  NotAction: many(z.string()).optional(),
  Resource: many(z.string()).optional(),
  NotResource: many(z.string()).optional(),
  Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
});

const policySchema = z.looseObject({ Statement: many(statementSchema) });

type Statement = z.output<typeof statementSchema>;

/** Of EC2, which has no emulator: EKS asks it with its caller's rights. */
const LAUNCHING = ['ec2:runinstances', 'ec2:createtags', 'ec2:describelaunchtemplateversions'];

/** Signing names differ from IAM prefixes only for CloudWatch. */
const concernsFront = (action: string): boolean => {
  if (LAUNCHING.includes(action.toLowerCase())) return true;
  const prefix = action.split(':')[0]?.toLowerCase() ?? '';
  return prefix === '*' || prefix === 'cloudwatch' || findService(prefix) !== undefined;
};

/** What the front has to know of a principal's policies to ask about them cheaply. */
export interface PolicyFacts {
  /** Condition keys and variables that the policies use, lower case; a tag key with its name. */
  contextKeys: ReadonlySet<string>;
  /** One matcher per resource pattern; undefined if a pattern holds a variable. */
  patterns: readonly RegExp[] | undefined;
}

/** @throws Error naming the principal when a policy is not a policy document */
export function policyFacts(principal: string, policies: readonly unknown[]): PolicyFacts {
  const statements: Statement[] = [];
  for (const policy of policies) {
    const parsed = policySchema.safeParse(policy);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new Error(
        `${principal}: not a resolved IAM policy document, at ${issue?.path.join('.') || 'the top'}: ${issue?.message}`,
      );
    }
    statements.push(...parsed.data.Statement.filter(({ Action }) => Action?.some(concernsFront) ?? true));
  }
  const resources = statements.flatMap(({ Resource = [], NotResource = [] }) => [
    ...Resource,
    ...NotResource,
  ]);
  const keys = statements.flatMap(({ Condition = {} }) => Object.values(Condition).flatMap(Object.keys));
  const variables = [...JSON.stringify(statements).matchAll(/\$\{([\w:/.-]+)[^}]*\}/g)].map(
    ([, name]) => name ?? '',
  );
  return {
    contextKeys: new Set([...keys, ...variables].map((key) => key.toLowerCase())),
    patterns: resources.some((resource) => resource.includes('${'))
      ? undefined
      : [...new Set(resources)].map(wildcard),
  };
}

/** A pattern with `*` and `?`, as policies write them. */
export const wildcard = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*+/g, '.*')
      .replaceAll('?', '.')}$`,
    's',
  );

/**
 * Two resources that match the same patterns get the same answer, so the decision for one object of a bucket serves
 * for all of its kind. With variables in a pattern every resource is its own class.
 */
export const resourceClass = ({ patterns }: PolicyFacts, resource: string): string =>
  patterns ? patterns.map((pattern) => (pattern.test(resource) ? '1' : '0')).join('') : resource;

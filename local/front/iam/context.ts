import type { Principal } from '../types.ts';
import type { PolicyFacts } from './policy.ts';

export type ContextValues = Record<string, string | string[]>;

/** Condition keys that the front can give a value; those ending in `/` take a tag's name. */
const SUPPLIED = [
  'aws:principalarn',
  'aws:principalaccount',
  'aws:requestedregion',
  'aws:resourceaccount',
  'aws:securetransport',
  'aws:tagkeys',
  'aws:requesttag/',
  'aws:resourcetag/',
  'autoscaling:resourcetag/',
  'autoscaling:maxsize',
  'autoscaling:minsize',
  'cloudwatch:namespace',
  'dynamodb:leadingkeys',
  'ec2:createaction',
  'ec2:launchtemplate',
  's3:prefix',
  's3:delimiter',
  's3:max-keys',
  's3:if-none-match',
  's3:if-match',
] as const;

/**
 * A condition on a key that the front can't supply would silently never hold.
 * @throws Error naming the key
 */
export function checkContextKeys(principal: string, { contextKeys }: PolicyFacts): void {
  for (const key of contextKeys) {
    if (SUPPLIED.some((known) => (known.endsWith('/') ? key.startsWith(known) : key === known))) continue;
    throw new Error(
      `${principal}: its policy has a condition on ${key}, which the local AWS front can't supply yet; ` +
        'add it to local/front/iam/context.ts and to the mapping of the actions it guards',
    );
  }
}

/** The values of the keys that the policies ask for; the rest would only make decisions harder to reuse. */
export function askedFor(facts: PolicyFacts, values: ContextValues): ContextValues {
  if (facts.contextKeys.size === 0) return {};
  return Object.fromEntries(
    Object.entries(values).filter(([key]) => facts.contextKeys.has(key.toLowerCase())),
  );
}

export function commonContext(
  principal: Pick<Principal, 'roleArn'>,
  accountId: string,
  region: string,
): ContextValues {
  return {
    'aws:PrincipalArn': principal.roleArn,
    'aws:PrincipalAccount': accountId,
    'aws:ResourceAccount': accountId,
    'aws:RequestedRegion': region,
    // Plain http on loopback stands for https.
    'aws:SecureTransport': 'true',
  };
}

export const resourceTags = (prefixes: readonly string[], tags: Record<string, string> = {}): ContextValues =>
  Object.fromEntries(
    prefixes.flatMap((prefix) =>
      Object.entries(tags).map(([name, value]) => [`${prefix}:ResourceTag/${name}`, value]),
    ),
  );

export function requestTags(tags: Record<string, string>): ContextValues {
  const names = Object.keys(tags);
  if (names.length === 0) return {};
  return {
    'aws:TagKeys': names,
    ...Object.fromEntries(names.map((name) => [`aws:RequestTag/${name}`, tags[name] ?? ''])),
  };
}

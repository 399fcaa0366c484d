import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { KubernetesCall } from './recording.ts';

const eventSchema = z.looseObject({
  verb: z.string(),
  user: z.looseObject({ username: z.string().default(''), groups: z.array(z.string()).default([]) }),
  objectRef: z
    .looseObject({
      resource: z.string().default(''),
      subresource: z.string().optional(),
      apiGroup: z.string().default(''),
      namespace: z.string().optional(),
      name: z.string().optional(),
    })
    .optional(),
  annotations: z.record(z.string(), z.string()).default({}),
});

type AuditEvent = z.infer<typeof eventSchema>;

export interface AuditedCalls {
  readonly allowed: KubernetesCall[];
  /** Kinds of calls that were never allowed. */
  readonly denied: KubernetesCall[];
}

/**
 * The kinds of calls in an API server's audit log. Requests that are not about a resource (`/version`, discovery) are
 * left out: every user may make them; so are those without a valid token, which are nobody's.
 *
 * @param named names of objects that rules tell apart; of others the name is left out
 */
export async function readAuditLog(file: string, named: ReadonlySet<string>): Promise<AuditedCalls> {
  const calls = { allowed: new Map<string, KubernetesCall>(), denied: new Map<string, KubernetesCall>() };
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const event = parse(line);
    if (!event?.objectRef?.resource || event.user.username === '') continue;
    const call = callOf(event, named);
    const into =
      event.annotations['authorization.k8s.io/decision'] === 'forbid' ? calls.denied : calls.allowed;
    into.set(JSON.stringify(call), call);
  }
  // An API server that starts refuses everything until it has read its roles.
  for (const key of calls.allowed.keys()) calls.denied.delete(key);
  return { allowed: [...calls.allowed.values()], denied: [...calls.denied.values()] };
}

/** Undefined for a line that was cut off with the API server. */
function parse(line: string): AuditEvent | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  return eventSchema.parse(json);
}

function callOf({ verb, user, objectRef }: AuditEvent, named: ReadonlySet<string>): KubernetesCall {
  const { resource = '', subresource, apiGroup: group = '', namespace, name } = objectRef ?? {};
  return {
    as: subjectOf(user),
    verb,
    group,
    resource: subresource ? `${resource}/${subresource}` : resource,
    ...(namespace ? { namespace } : {}),
    ...(name && named.has(name) ? { name } : {}),
  };
}

const SERVICE_ACCOUNT = 'system:serviceaccount:';

/** A service account, or the groups that an access entry gives; a user in none of them goes by its name. */
function subjectOf({ username, groups }: AuditEvent['user']): string {
  if (username.startsWith(SERVICE_ACCOUNT))
    return `ServiceAccount ${username.slice(SERVICE_ACCOUNT.length).replace(':', '/')}`;
  const own = groups.filter((group) => !group.startsWith('system:'));
  return own.length > 0 ? own.map((group) => `Group ${group}`).join(', ') : `User ${username}`;
}

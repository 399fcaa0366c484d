import type { ResolvedApp } from '../template/load.ts';
import type { Assumer, RoleView } from '../template/roles.ts';
import { deploymentCalls } from './deployment.ts';
import type { Removable } from './iam-grants.ts';
import { RoleReplay } from './iam-replay.ts';
import { Names } from './names.ts';
import { qualified, rbacGrants } from './rbac-grants.ts';
import { allowing } from './rbac-replay.ts';
import type { AwsCall, KubernetesCall, Recording } from './recording.ts';
import type { Templates } from './synthesize.ts';

/** What one run called, and the templates that it ran with, as they are today. */
export interface Run {
  readonly name: string;
  readonly templates: Templates;
  readonly calls: Recording;
}

/** Something that a role may do; the same for every fleet and pool. */
export interface Grant {
  readonly kind: 'aws' | 'aws-managed-policy' | 'kubernetes';
  /** A role of the templates, or a Kubernetes Role or ClusterRole. */
  readonly holder: string;
  /** Who acts as it. */
  readonly actors: readonly string[];
  /** Action, verb, or AWS-managed policy. */
  readonly what: string;
  readonly on: string;
  /** Names of the runs that can't do without it. */
  readonly usedBy: readonly string[];
}

export interface Coverage {
  readonly grants: readonly Grant[];
  /** Recorded calls that are refused today, each with its run. */
  readonly refused: readonly string[];
}

/** What deployments do, as the templates say: counts as a run. */
export const DEPLOYMENT = 'deployment';

/** What these templates grant, and which of it the runs and the deployments of the templates can't do without. */
export async function coverageOf(all: readonly Templates[], runs: readonly Run[]): Promise<Coverage> {
  const deployments = all.map(({ app, config }): World => {
    const names = new Names(app, config);
    const aws = deploymentCalls(app).map((call) => ({
      ...call,
      role: names.role(call.role),
      resource: names.shorten(call.resource),
    }));
    return { app, names, name: DEPLOYMENT, calls: { aws, kubernetes: [] } };
  });
  const recorded = runs.map(({ name, templates: { app, config }, calls }): World => {
    return { app, names: new Names(app, config), name, calls };
  });
  const parts = await Promise.all([...deployments, ...recorded].map(coverageOfRun));
  return {
    grants: merge(parts.flatMap(({ grants }) => grants)),
    refused: [...new Set(parts.flatMap(({ refused }) => refused))],
  };
}

interface World {
  readonly app: ResolvedApp;
  readonly names: Names;
  readonly name: string;
  readonly calls: Recording;
}

async function coverageOfRun({ app, names, name, calls }: World): Promise<Coverage> {
  const ofRoles = await Promise.all(
    app.roles.map((role) => ofRole({ app, names, role, run: name }, calls.aws)),
  );
  const kubernetes = ofKubernetes(app, names, name, calls.kubernetes);
  return {
    grants: [...ofRoles.flatMap(({ grants }) => grants), ...kubernetes.grants],
    refused: [
      ...ofRoles.flatMap(({ refused }) => refused),
      ...kubernetes.refused,
      ...strangers(app, names, calls, name),
    ],
  };
}

interface Subject {
  readonly app: ResolvedApp;
  readonly names: Names;
  readonly role: RoleView;
  readonly run: string;
}

async function ofRole({ app, names, role, run }: Subject, recorded: readonly AwsCall[]): Promise<Coverage> {
  const own = recorded.filter((call) => call.role === names.role(role.arn));
  const replay = new RoleReplay(
    app,
    role,
    own.map((call) => ({ ...call, resource: names.lengthen(call.resource) })),
  );
  const holder = names.general(names.role(role.arn));
  const actors = role.assumedBy.map(({ kind, name }) => `${KINDS[kind]} ${names.general(names.named(name))}`);
  const common = { holder, actors: [...new Set(actors)] };
  const grants = (await replay.parts()).map((part): Grant => {
    const usedBy = part.isNeeded ? [run] : [];
    return { kind: 'aws', ...common, ...describe(part, names), usedBy };
  });
  const managed = role.managedPolicyArns.map(
    (arn): Grant => ({
      kind: 'aws-managed-policy',
      ...common,
      what: arn.replace(/^.*:policy\//, ''),
      on: '',
      usedBy: [],
    }),
  );
  const refused = (await replay.refused()).map((call) => `${run}: ${JSON.stringify(call)}`);
  return { grants: [...grants, ...managed], refused };
}

function describe(
  { action, resource, condition, conditionValue }: Removable,
  names: Names,
): Pick<Grant, 'what' | 'on'> {
  if (conditionValue)
    return {
      what: `condition ${conditionValue.key}`,
      on: names.general(names.shorten(conditionValue.value)),
    };
  const keys = Object.values(condition ?? {}).flatMap((values) => Object.keys(values));
  const when = keys.length > 0 ? ` if ${keys.join(' and ')}` : '';
  return { what: action, on: `${names.general(names.shorten(resource))}${when}` };
}

function ofKubernetes(
  app: ResolvedApp,
  names: Names,
  run: string,
  calls: readonly KubernetesCall[],
): Coverage {
  const granted = rbacGrants(app.manifests);
  const byCall = calls.map((call) => ({ call, grants: allowing(granted, call) }));
  const needed = new Set(byCall.flatMap(({ grants }) => (grants.length === 1 ? grants : [])));
  const grants = granted.map((grant): Grant => {
    const subjects = grant.bindings.flatMap((binding) => binding.subjects);
    const actors = subjects.map((subject) => names.general(`${subject}${rolesIn(app, names, subject)}`));
    const object = grant.name === undefined ? '' : ` ${names.general(grant.name)}`;
    return {
      kind: 'kubernetes',
      holder: names.general(grant.role),
      actors: [...new Set(actors)],
      what: grant.verb,
      on: `${qualified(grant)}${object}`,
      usedBy: needed.has(grant) ? [run] : [],
    };
  });
  const refused = byCall
    .filter(({ grants: found }) => found.length === 0)
    .map(({ call }) => `${run}: ${JSON.stringify(call)}`);
  return { grants, refused };
}

/** The AWS roles that are in a Kubernetes group by their access entries. */
function rolesIn({ accessEntries }: ResolvedApp, names: Names, subject: string): string {
  const roles = accessEntries
    .filter(({ kubernetesGroups }) => kubernetesGroups.some((group) => subject === `Group ${group}`))
    .map(({ principalArn }) => names.role(principalArn));
  return roles.length > 0 ? ` (${roles.join(', ')})` : '';
}

/** Calls of roles that the templates no longer have. */
const strangers = (app: ResolvedApp, names: Names, { aws }: Recording, run: string): string[] =>
  aws
    .filter((call) => !app.roles.some(({ arn }) => names.role(arn) === call.role))
    .map((call) => `${run}: ${JSON.stringify(call)}`);

const KINDS: Readonly<Record<Assumer['kind'], string>> = {
  function: 'function',
  stateMachine: 'state machine',
  schedule: 'schedule',
  rule: 'rule',
  pod: 'pods with the service account',
  cluster: 'the EKS cluster',
  nodegroup: 'nodes of',
};

/** One line for what is granted in several configurations, to several fleets, or in several statements. */
function merge(grants: readonly Grant[]): Grant[] {
  const merged = new Map<string, Grant>();
  for (const grant of grants) {
    const key = JSON.stringify([grant.kind, grant.holder, grant.what, grant.on]);
    const known = merged.get(key);
    const union = (a: readonly string[] = [], b: readonly string[]) => [...new Set([...a, ...b])].toSorted();
    merged.set(key, {
      ...grant,
      actors: union(known?.actors, grant.actors),
      usedBy: union(known?.usedBy, grant.usedBy),
    });
  }
  return [...merged.values()];
}

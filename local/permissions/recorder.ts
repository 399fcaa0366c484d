import type { PaddockConfig } from '../../infra/config/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Front } from '../front/front.ts';
import { policyFacts, resourceClass } from '../front/iam/policy.ts';
import type { ResolvedApp } from '../template/load.ts';
import type { RoleView } from '../template/roles.ts';
import { readAuditLog } from './audit.ts';
import { Names } from './names.ts';
import { namedObjects } from './rbac-grants.ts';
import { type Recording, recording } from './recording.ts';

export interface AwsRun {
  readonly front: Front;
  readonly app: ResolvedApp;
  readonly config: PaddockConfig;
}

export interface RecordedRun extends AwsRun {
  readonly cluster: Cluster;
}

/**
 * What the roles and service accounts of a running system have called until now.
 *
 * @throws Error when its API server keeps no audit log, or when a call was refused: a permission is missing
 */
export async function recordedCalls({ cluster, ...run }: RecordedRun): Promise<Recording> {
  if (cluster.auditLog === undefined)
    throw new Error(
      'Calls to the Kubernetes API are recorded only in a cluster that Paddock starts with an audit log.',
    );
  const { allowed, denied } = await readAuditLog(cluster.auditLog, namedObjects(run.app.manifests));
  refuse(denied);
  return recording(recordedAwsCalls(run).aws, allowed);
}

/**
 * As `recordedCalls`, of the roles alone.
 *
 * @throws Error when a call was refused
 */
export function recordedAwsCalls({ front, app, config }: AwsRun): Recording {
  const names = new Names(app, config);
  const calls = front.calls().flatMap(({ principal, action, first, allowed }) => {
    const role = app.roles.find(({ logicalId }) => logicalId === principal);
    if (!role) return []; // the runtime's own clients
    const context = Object.keys(first.context).length > 0 ? { context: first.context } : {};
    const resource = names.shorten(example(first.resource, role));
    return [{ allowed, call: { role: names.role(role.arn), action, resource, ...context } }];
  });
  refuse(calls.flatMap(({ allowed, call }) => (allowed ? [] : [call])));
  return recording(
    calls.map(({ call }) => call),
    [],
  );
}

function refuse(denied: readonly object[]): void {
  if (denied.length === 0) return;
  const lines = denied.map((call) => JSON.stringify(call));
  throw new Error(`Calls were refused for want of a permission:\n${lines.join('\n')}`);
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const ZEROS = '00000000-0000-0000-0000-000000000000';
const DIGEST = /(?<=\/sha256-)[0-9a-f]{64}/;
const ids = (text: string): string => text.replace(UUID, ZEROS).replace(DIGEST, '0'.repeat(64));
/** The name of an object in a bucket, without its folder and its ending. */
const OBJECT_NAME = /(?<=^arn:aws:s3:::[^/]+\/(?:.*\/)?)[^/.]+(?=\.[^/]*$)/;

/** In place of a resource with an id, one that is the same in every run and that the role's policies treat alike. */
function example(resource: string, { name, policies }: RoleView): string {
  const facts = policyFacts(name, policies);
  const alike = (text: string): boolean => resourceClass(facts, text) === resourceClass(facts, resource);
  return [ids(resource.replace(OBJECT_NAME, 'example')), ids(resource)].find(alike) ?? resource;
}

import type { PaddockConfig } from '../../infra/config/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Front } from '../front/front.ts';
import { policyFacts, resourceClass } from '../front/iam/policy.ts';
import type { ResolvedApp } from '../template/load.ts';
import type { RoleView } from '../template/roles.ts';
import { readAuditLog } from './audit.ts';
import { Names } from './names.ts';
import { namedObjects } from './rbac-grants.ts';
import { type AwsCall, type Recording, recording } from './recording.ts';

export interface RecordedRun {
  readonly front: Front;
  readonly cluster: Cluster;
  readonly app: ResolvedApp;
  readonly config: PaddockConfig;
}

/**
 * What the roles and service accounts of a running system have called until now.
 *
 * @throws Error when its API server keeps no audit log, or when a call was refused: a permission is missing
 */
export async function recordedCalls({ front, cluster, app, config }: RecordedRun): Promise<Recording> {
  if (cluster.auditLog === undefined)
    throw new Error(
      'Calls to the Kubernetes API are recorded only in a cluster that Paddock starts with an audit log.',
    );
  const kubernetes = await readAuditLog(cluster.auditLog, namedObjects(app.manifests));
  const names = new Names(app, config);
  const aws: Record<'allowed' | 'denied', AwsCall[]> = { allowed: [], denied: [] };
  for (const { principal, action, first, allowed } of front.calls()) {
    const role = app.roles.find(({ logicalId }) => logicalId === principal);
    if (!role) continue; // the runtime's own clients
    const call = {
      role: names.role(role.arn),
      action,
      resource: names.shorten(example(first.resource, role)),
      ...(Object.keys(first.context).length > 0 ? { context: first.context } : {}),
    };
    aws[allowed ? 'allowed' : 'denied'].push(call);
  }
  const denied = [...aws.denied, ...kubernetes.denied].map((call) => JSON.stringify(call));
  if (denied.length > 0)
    throw new Error(`Calls were refused for want of a permission:\n${denied.join('\n')}`);
  return recording(aws.allowed, kubernetes.allowed);
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const ZEROS = '00000000-0000-0000-0000-000000000000';
/** The name of an object in a bucket, without its folder and its ending. */
const OBJECT_NAME = /(?<=^arn:aws:s3:::[^/]+\/(?:.*\/)?)[^/.]+(?=\.[^/]*$)/;

/** In place of a resource with an id, one that is the same in every run and that the role's policies treat alike. */
function example(resource: string, { name, policies }: RoleView): string {
  const facts = policyFacts(name, policies);
  const alike = (text: string): boolean => resourceClass(facts, text) === resourceClass(facts, resource);
  return (
    [resource.replace(OBJECT_NAME, 'example').replace(UUID, ZEROS), resource.replace(UUID, ZEROS)].find(
      alike,
    ) ?? resource
  );
}

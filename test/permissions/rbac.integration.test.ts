import { rmSync } from 'node:fs';
import { AuthorizationV1Api, RbacAuthorizationV1Api, type V1PolicyRule } from '@kubernetes/client-node';
import type { Cluster } from '../../local/cluster/cluster.ts';
import { type RbacGrant, rbacGrants } from '../../local/permissions/rbac-grants.ts';
import { allowing, type Caller, callerOf, grantsOf } from '../../local/permissions/rbac-replay.ts';
import { type KubernetesCall, readRecording } from '../../local/permissions/recording.ts';
import { templatesOf } from '../../local/permissions/synthesize.ts';
import { applyManifests } from '../../local/system/kubernetes.ts';
import {
  adminConfig,
  BUILD_TIMEOUT_MS,
  newStateDir,
  StubAuthenticator,
  start,
  until,
} from '../local/cluster/support.ts';
import { RUNS, recordingFile } from './recordings.ts';

const runs = RUNS.map(({ name, config }) => ({
  name,
  manifests: templatesOf(config).app.manifests,
  calls: readRecording(recordingFile(name)).kubernetes,
})).filter(({ calls }) => calls.length > 0);

const stateDir = newStateDir();
const authenticator = new StubAuthenticator();
let cluster: Cluster;
let reviews: AuthorizationV1Api;
let rbac: RbacAuthorizationV1Api;

beforeAll(async () => {
  cluster = await start(stateDir, await authenticator.listen());
  const admin = adminConfig(cluster);
  reviews = admin.makeApiClient(AuthorizationV1Api);
  rbac = admin.makeApiClient(RbacAuthorizationV1Api);
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await cluster?.stop();
  authenticator.close();
  rmSync(stateDir, { recursive: true, force: true });
});

/** What the API server's own authorizer says. */
async function mayCall({ user, groups }: Caller, call: KubernetesCall): Promise<boolean> {
  const [resource = '', subresource] = call.resource.split('/');
  const { verb, group, namespace, name } = call;
  const { status } = await reviews.createSubjectAccessReview({
    body: {
      spec: {
        user,
        groups: [...groups],
        resourceAttributes: {
          ...{ verb, group, resource },
          ...(subresource === undefined ? {} : { subresource }),
          ...(namespace === undefined ? {} : { namespace }),
          ...(name === undefined ? {} : { name }),
        },
      },
    },
  });
  return status?.allowed === true;
}

let variants = 0;

/** A rule that each variant has, to see when the API server knows of it. */
const CONTROL: KubernetesCall = { as: '', verb: 'get', group: '', resource: 'configmaps', name: 'control' };

/** A new group that is granted these, in the whole cluster. */
async function groupWith(grants: readonly RbacGrant[]): Promise<Caller> {
  variants += 1;
  const name = `variant-${variants}`;
  const caller = { user: name, groups: [name] };
  const rules = [...grants, CONTROL].map(
    ({ verb, group, resource, name: object }): V1PolicyRule => ({
      ...{ verbs: [verb], apiGroups: [group], resources: [resource] },
      ...(object === undefined ? {} : { resourceNames: [object] }),
    }),
  );
  const apiGroup = 'rbac.authorization.k8s.io';
  await rbac.createClusterRole({ body: { metadata: { name }, rules } });
  await rbac.createClusterRoleBinding({
    body: {
      metadata: { name },
      roleRef: { kind: 'ClusterRole', name, apiGroup },
      subjects: [{ kind: 'Group', name, apiGroup }],
    },
  });
  await until('the API server to know of the role', () => mayCall(caller, CONTROL));
  return caller;
}

describe.each(runs)('the calls of $name, to a real API server', ({ manifests, calls }) => {
  const grants = rbacGrants(manifests);

  it('are allowed by the roles of the templates', async () => {
    const kinds = ['Namespace', 'Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'];
    await applyManifests(
      cluster.kubeconfigPath,
      manifests.filter(({ kind }) => kinds.includes(kind)),
    );
    await Promise.all(calls.map((call) => until(describeCall(call), () => mayCall(callerOf(call.as), call))));
  });

  it('are refused without the one grant that they are said to need', async () => {
    const needing = calls.flatMap((call) => {
      const [only, ...others] = allowing(grants, call);
      return only && others.length === 0 ? [{ call, only }] : [];
    });
    expect(needing.length).toBeGreaterThan(0);
    const stillAllowed = await Promise.all(
      needing.map(async ({ call, only }) => {
        const rest = grantsOf(grants, call.as).filter((grant) => grant !== only);
        return (await mayCall(await groupWith(rest), call)) ? [describeCall(call)] : [];
      }),
    );
    expect(stillAllowed.flat()).toEqual([]);
  });
});

const describeCall = (call: KubernetesCall): string => `${call.as} to be allowed to ${JSON.stringify(call)}`;

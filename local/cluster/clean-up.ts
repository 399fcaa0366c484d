import { setTimeout as sleep } from 'node:timers/promises';
import {
  ApiException,
  CoreV1Api,
  type KubeConfig,
  KubernetesObjectApi,
  type V1Pod,
} from '@kubernetes/client-node';
import { LABEL, NAMESPACE } from '../../core/protocol/names.ts';
import type { ObjectRef } from './claim.ts';

/** On the nodes that a local run adds to a cluster which it did not start. */
export const LOCAL_NODE = { 'paddock.dev/local': 'true' } as const;
export const LOCAL_NODE_SELECTOR = 'paddock.dev/local=true';

const PATIENCE_MS = 90_000;
const POLL_MS = 250;
const AT_ONCE = { gracePeriodSeconds: 0 };

/** Throws when the cluster has nodes of a Paddock that is not a local run. */
export async function refuseForeignNodes(config: KubeConfig): Promise<void> {
  const { items } = await config
    .makeApiClient(CoreV1Api)
    .listNode({ labelSelector: `${LABEL.fleet},!paddock.dev/local`, limit: 1 });
  const [node] = items;
  if (node) throw foreign(config, `the node ${node.metadata?.name}`);
}

/** Throws when one of these objects exists; those inside a namespace of the list go with it. */
export async function refuseForeignObjects(config: KubeConfig, objects: readonly ObjectRef[]): Promise<void> {
  const [found] = await existing(KubernetesObjectApi.makeApiClient(config), roots(objects));
  if (found) throw foreign(config, found);
}

const foreign = (config: KubeConfig, what: string): Error =>
  new Error(
    `${config.getCurrentCluster()?.server} has another Paddock: ${what} is there, and this run did not make it. ` +
      'Remove that Paddock from the cluster, or choose a cluster without one.',
  );

/**
 * Removes what a local run made in a cluster: its marked nodes and what it applied, with everything that came of them.
 * Resolves when all of it is gone. Throws when that takes more than 90 s, or when a deployment has taken the namespace over.
 */
export async function cleanUp(config: KubeConfig, applied: readonly ObjectRef[]): Promise<void> {
  const core = config.makeApiClient(CoreV1Api);
  const objects = KubernetesObjectApi.makeApiClient(config);
  const ownsNamespace = applied.some(
    ({ kind, metadata }) => kind === 'Namespace' && metadata.name === NAMESPACE,
  );
  if (ownsNamespace) await refuseTakenOver(config, core);

  const { items: nodes } = await core.listNode({ labelSelector: LOCAL_NODE_SELECTOR });
  const nodeNames = new Set(nodes.map(({ metadata }) => metadata?.name ?? ''));
  await core.deleteCollectionNode({ labelSelector: LOCAL_NODE_SELECTOR });
  for (const object of [...roots(applied)].reverse()) {
    await orMissing(objects.delete(object, undefined, undefined, undefined, undefined, 'Background'));
  }
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const left = [
      ...(await removePodsOf(core, nodeNames)),
      ...(ownsNamespace ? await emptyNamespace(core) : []),
      ...(await existing(objects, roots(applied))),
    ];
    if (left.length === 0) return;
    if (Date.now() > end)
      throw new Error(`${config.getCurrentCluster()?.server} still has ${left.slice(0, 5).join(', ')}.`);
    await sleep(POLL_MS);
  }
}

/** A deployment by kubectl (CDK's too) onto what a crashed run left must not be taken for the crashed run's own. */
async function refuseTakenOver(config: KubeConfig, core: CoreV1Api): Promise<void> {
  const namespace = await orMissing(core.readNamespace({ name: NAMESPACE }));
  if (namespace?.metadata?.managedFields?.some(({ manager }) => manager?.startsWith('kubectl')))
    throw foreign(config, `Namespace ${NAMESPACE}`);
}

/** Their kubelets are gone: nobody else confirms that a pod has ended. */
async function emptyNamespace(core: CoreV1Api): Promise<string[]> {
  await core.deleteCollectionNamespacedPod({ namespace: NAMESPACE, ...AT_ONCE });
  const volumes = (await core.listPersistentVolume()).items.filter(
    ({ spec }) => spec?.claimRef?.namespace === NAMESPACE && spec.hostPath?.path.startsWith('/nonexistent/'),
  );
  for (const { metadata } of volumes)
    await orMissing(core.deletePersistentVolume({ name: metadata?.name ?? '' }));
  return volumes.map(({ metadata }) => `PersistentVolume ${metadata?.name}`);
}

/** Pods of DaemonSets, which may lie in any namespace. */
async function removePodsOf(core: CoreV1Api, nodeNames: ReadonlySet<string>): Promise<string[]> {
  if (nodeNames.size === 0) return [];
  const pods = (await core.listPodForAllNamespaces()).items.filter(({ spec }) =>
    nodeNames.has(spec?.nodeName ?? ''),
  );
  await Promise.all(pods.map((pod) => removePod(core, pod)));
  return pods.map(({ metadata }) => `Pod ${metadata?.name}`);
}

async function removePod(core: CoreV1Api, { metadata }: V1Pod): Promise<void> {
  const { name = '', namespace = '' } = metadata ?? {};
  await orMissing(core.deleteNamespacedPod({ name, namespace, ...AT_ONCE }));
}

async function existing(api: KubernetesObjectApi, objects: readonly ObjectRef[]): Promise<string[]> {
  const found: string[] = [];
  for (const object of objects) {
    const { kind, metadata } = object;
    if (
      await orMissing(api.read({ ...object, metadata: { ...metadata, namespace: metadata.namespace ?? '' } }))
    )
      found.push(`${kind} ${metadata.name}`);
  }
  return found;
}

/** Without those that lie in a namespace which is in the list itself. */
function roots(objects: readonly ObjectRef[]): ObjectRef[] {
  const namespaces = new Set(
    objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name),
  );
  return objects.filter(({ metadata }) => !namespaces.has(metadata.namespace ?? ''));
}

async function orMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiException && error.code === 404) return undefined;
    throw error;
  }
}

import type { V1Container, V1EnvVar, V1Pod } from '@kubernetes/client-node';
import { OLLAMA_CONTAINER } from '../../workloads/names.ts';

/** The container of the pod that is the worker: its first. @throws Error for a pod without containers. */
export function workerContainerOf(pod: V1Pod): V1Container {
  const [container] = pod.spec?.containers ?? [];
  if (!container) throw new Error(`The pod ${pod.metadata?.name} has no container.`);
  return container;
}

/** The pod's model server: the sidecar that is named so. Undefined for a pod without. */
export const ollamaContainerOf = (pod: V1Pod): V1Container | undefined =>
  pod.spec?.initContainers?.find(({ name }) => name === OLLAMA_CONTAINER);

/** What the downward API offers of a pod. */
function field(pod: V1Pod, podIP: string, path: string): string {
  const values: Record<string, string | undefined> = {
    'metadata.name': pod.metadata?.name,
    'metadata.namespace': pod.metadata?.namespace,
    'metadata.uid': pod.metadata?.uid,
    'spec.nodeName': pod.spec?.nodeName,
    'spec.serviceAccountName': pod.spec?.serviceAccountName,
    'status.podIP': podIP,
    'status.hostIP': podIP,
  };
  const value = values[path];
  if (value === undefined) throw new Error(`The local kubelet does not know the field ${path}.`);
  return value;
}

function resolveVariable(pod: V1Pod, podIP: string, { name, value, valueFrom }: V1EnvVar): string {
  if (valueFrom?.fieldRef) return field(pod, podIP, valueFrom.fieldRef.fieldPath);
  if (valueFrom) throw new Error(`${name} comes from a source that the local kubelet does not read.`);
  return value ?? '';
}

/**
 * A container's environment as a kubelet resolves it.
 *
 * @throws Error that names a variable whose source is not supported here.
 */
export const containerEnvironment = (
  pod: V1Pod,
  container: V1Container,
  podIP: string,
): Record<string, string> =>
  Object.fromEntries(
    (container.env ?? []).map((variable) => [variable.name, resolveVariable(pod, podIP, variable)]),
  );

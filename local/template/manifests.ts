import { z } from 'zod';
import { TemplateError } from './errors.ts';
import type { ResolvedResource } from './resolve.ts';
import { parseShape } from './resources.ts';

/** A Kubernetes object as the template states it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & {
    readonly name: string;
    readonly namespace?: string;
  };
  readonly [field: string]: unknown;
}

/** What others need comes first; a kind that isn't listed comes between the last two groups. */
const ORDER: readonly (readonly string[])[] = [
  ['Namespace'],
  ['CustomResourceDefinition', 'PriorityClass', 'StorageClass', 'RuntimeClass'],
  ['ServiceAccount', 'ResourceQuota', 'LimitRange', 'NetworkPolicy'],
  ['ClusterRole', 'Role'],
  ['ClusterRoleBinding', 'RoleBinding'],
  ['ValidatingAdmissionPolicy', 'MutatingAdmissionPolicy'],
  ['ValidatingAdmissionPolicyBinding', 'MutatingAdmissionPolicyBinding'],
  ['ConfigMap', 'Secret', 'PersistentVolume', 'PersistentVolumeClaim'],
  ['Service'],
  ['DaemonSet', 'StatefulSet', 'Deployment', 'Job', 'CronJob', 'Pod'],
];

const shape = z.looseObject({ Manifest: z.string() });

const objects = z.array(
  z.looseObject({
    apiVersion: z.string(),
    kind: z.string(),
    metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
  }),
);

/** All Kubernetes objects of the templates, in an order in which they can be applied. */
export function manifestsOf(resources: readonly ResolvedResource[]): Manifest[] {
  return resources
    .filter(({ type }) => type === 'Custom::AWSCDK-EKS-KubernetesResource')
    .flatMap(parseManifest)
    .map((manifest, index) => ({ manifest, index, rank: rankOf(manifest.kind) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ manifest }) => manifest);
}

function parseManifest(resource: ResolvedResource): Manifest[] {
  const where = {
    stack: resource.stack,
    resource: resource.logicalId,
    path: ['Properties', 'Manifest'],
  };
  const { Manifest: text } = parseShape(resource, shape);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new TemplateError(where, `not JSON: ${String(error)}`);
  }
  const parsed = objects.safeParse(json);
  if (!parsed.success) throw new TemplateError(where, z.prettifyError(parsed.error));
  return parsed.data as Manifest[];
}

function rankOf(kind: string): number {
  const rank = ORDER.findIndex((kinds) => kinds.includes(kind));
  return rank < 0 ? ORDER.length - 1.5 : rank;
}

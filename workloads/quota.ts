import type { V1LimitRange, V1ResourceQuota } from '@kubernetes/client-node';
import { NAMESPACE } from '../core/protocol/names.ts';
import { podRequests } from './containers.ts';
import { PRIORITY_CLASS } from './names.ts';
import type { WorkloadPool } from './types.ts';

type Fleets = readonly { readonly pools: readonly WorkloadPool[] }[];

/**
 * Pods that end still count, and each may already have its successor: so much more than `max` can be asked for at a time.
 * Past it something is broken, and must not go on.
 */
const PODS_PER_REPLICA = 2;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** What the replicas of all pools may ask for at most: twice the configured `max`, and one canary of each fleet. */
export function servingQuota(fleets: Fleets): V1ResourceQuota {
  const pods = fleets.flatMap(({ pools }) => [
    ...pools.map((pool) => ({ count: PODS_PER_REPLICA * pool.max, ...podRequests(pool) })),
    { count: 1, ...largest(pools) },
  ]);
  const total = (of: 'milliCpu' | 'memoryMiB' | 'gpus'): number =>
    sum(pods.map((pod) => pod.count * pod[of]));
  const gpus = total('gpus');
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'serving', namespace: NAMESPACE },
    spec: {
      hard: {
        pods: String(sum(pods.map(({ count }) => count))),
        'requests.cpu': `${total('milliCpu')}m`,
        'requests.memory': `${total('memoryMiB')}Mi`,
        'requests.nvidia.com/gpu': String(gpus),
      },
      scopeSelector: {
        matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: [PRIORITY_CLASS.serving] }],
      },
    },
  };
}

function largest(pools: readonly WorkloadPool[]): ReturnType<typeof podRequests> {
  const requests = pools.map(podRequests);
  const most = (of: 'milliCpu' | 'memoryMiB' | 'gpus'): number => Math.max(...requests.map((one) => one[of]));
  return { milliCpu: most('milliCpu'), memoryMiB: most('memoryMiB'), gpus: most('gpus') };
}

/** Volumes: one of each replica of a persistent pool, one of each fleet's canary, and `others` besides. */
export function volumeQuota(fleets: Fleets, others: readonly number[]): V1ResourceQuota {
  const sizes = [
    ...volumes(fleets).flatMap(({ max, modelStorageGiB }) => Array<number>(max).fill(modelStorageGiB)),
    ...fleets.flatMap((fleet) => {
      const own = volumes([fleet]).map(({ modelStorageGiB }) => modelStorageGiB);
      return own.length > 0 ? [Math.max(...own)] : [];
    }),
    ...others,
  ];
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'volumes', namespace: NAMESPACE },
    spec: {
      hard: { persistentvolumeclaims: String(sizes.length), 'requests.storage': `${sum(sizes)}Gi` },
    },
  };
}

const volumes = (fleets: Fleets): WorkloadPool[] =>
  fleets.flatMap(({ pools }) => pools.filter(({ kind }) => kind === 'persistent'));

/**
 * What a container requests that states nothing, such as one that someone adds to look around. No default limits: they would
 * also hold for an Ollama container that may use its whole node.
 */
export const containerDefaults = (): V1LimitRange => ({
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata: { name: 'defaults', namespace: NAMESPACE },
  spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '50m', memory: '64Mi' } }] },
});

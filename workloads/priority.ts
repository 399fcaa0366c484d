import type { V1PriorityClass } from '@kubernetes/client-node';
import { PRIORITY_CLASS } from './names.ts';

const priorityClass = (
  name: string,
  value: number,
  preemptionPolicy: 'PreemptLowerPriority' | 'Never',
  description: string,
): V1PriorityClass => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name },
  value,
  preemptionPolicy,
  globalDefault: false,
  description,
});

/**
 * Below Kubernetes' own `system-…-critical`, above whatever names no class. Nothing of Paddock puts a replica off its node:
 * router and Open WebUI don't tolerate the pools' taints, and replicas wait for a node of their own.
 */
export const priorityClasses = (): V1PriorityClass[] => [
  priorityClass(
    PRIORITY_CLASS.system,
    1_000_000,
    'PreemptLowerPriority',
    'The way in: router and Open WebUI. May put pods that name no class off a system node.',
  ),
  priorityClass(
    PRIORITY_CLASS.serving,
    100_000,
    'Never',
    'Replicas. Each has a node to itself and never puts another pod off one.',
  ),
];

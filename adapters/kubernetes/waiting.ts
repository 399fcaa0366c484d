import type { V1PodStatus } from '@kubernetes/client-node';

/** A container that does not run, in the kubelet's words. */
export interface WaitingContainer {
  name: string;
  /** `ImagePullBackOff`, `CrashLoopBackOff` … */
  reason: string;
  /** Empty when it says nothing. */
  message: string;
  restarts: number;
}

/** What every container waits for while it is started is no trouble. */
const ORDINARY = new Set(['ContainerCreating', 'PodInitializing']);

/** The first container of a pod that waits for something; undefined: none does. */
export function waitingContainer(status: V1PodStatus | undefined): WaitingContainer | undefined {
  for (const one of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const { reason, message = '' } = one.state?.waiting ?? {};
    if (reason && !ORDINARY.has(reason))
      return { name: one.name, reason, message, restarts: one.restartCount };
  }
  return undefined;
}

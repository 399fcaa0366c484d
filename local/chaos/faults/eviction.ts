import { NAMESPACE } from '../../../core/protocol/names.ts';
import { pick, type Target, untilHappened } from '../target.ts';

/**
 * Evicts a pod that serves, through the Eviction API as `kubectl drain` does. A disruption budget may refuse it (429): then it is
 * tried again.
 */
export function evictPod(target: Target, draw: number, signal: AbortSignal): Promise<boolean> {
  return untilHappened(async () => {
    const ready = (await target.pods()).filter(({ isReady }) => isReady);
    const serving = ready.filter(({ name }) => target.isBusy(name));
    const victim = pick(serving.length > 0 ? serving : ready, draw);
    if (!victim) return false;
    const { name } = victim;
    await target.core.createNamespacedPodEviction({
      ...{ name, namespace: NAMESPACE },
      body: { metadata: { name, namespace: NAMESPACE } },
    });
    return true;
  }, signal);
}

import { pick, type Target, untilHappened } from '../target.ts';

/** The EC2 instance behind a node goes away without notice, and the pod on it in mid-request. */
export function loseNode(target: Target, draw: number, signal: AbortSignal): Promise<boolean> {
  const { faults, policy } = target.system;
  return untilHappened(async () => {
    const pods = await target.pods();
    const busy = new Set(pods.filter(({ name }) => target.isBusy(name)).map(({ node }) => node));
    const victims = policy.pools.flatMap(({ name: pool }) =>
      faults
        .candidates('node-loss', pool)
        .filter(({ nodeName }) => busy.has(nodeName))
        .map((instance) => ({ pool, instance })),
    );
    const victim = pick(victims, draw);
    if (!victim) return false;
    const { pool, instance } = victim;
    return faults.inject({ kind: 'node-loss', pool, count: 1 }, () => [instance]).instances.length === 1;
  }, signal);
}

import type { Command } from './types.ts';
import type { FleetView } from './view.ts';

/** Workers whose replica no longer exists; their last counts are folded by now. */
export function forgetWorkers(view: FleetView): Command[] {
  const names = new Map<string, Set<string>>();
  for (const { policy, observed } of view.pools) {
    if (observed) names.set(policy.name, new Set(observed.replicas.map((replica) => replica.name)));
  }
  return view.workers.flatMap((worker): Command[] => {
    const known = names.get(worker.pool);
    // A name that came back with a new pod keeps its Lease: the new worker writes over it.
    if (!known || known.has(worker.replica)) return [];
    return [{ kind: 'forget-worker', replica: worker.replica, reason: 'its replica no longer exists' }];
  });
}

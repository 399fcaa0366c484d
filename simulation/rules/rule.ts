import type { SimulatedFleet } from '../fleet.ts';

/** A scaling rule as the simulation runs it: it looks at the fleet every `tickSeconds` and changes it. */
export interface ScalingRule {
  readonly name: string;
  readonly tickSeconds: number;
  tick(fleet: SimulatedFleet): void;
}

/**
 * What the peers do: set a number of replicas. Down, the youngest goes at once, busy or not: a StatefulSet removes its
 * highest ordinal.
 */
export function resize(fleet: SimulatedFleet, desired: number): void {
  const target = Math.min(fleet.options.maxReplicas, Math.max(1, desired));
  fleet.add(Math.max(0, target - fleet.replicas.length));
  while (fleet.replicas.length > target) {
    const youngest = fleet.replicas.at(-1);
    if (!youngest) return;
    fleet.remove(youngest);
  }
}

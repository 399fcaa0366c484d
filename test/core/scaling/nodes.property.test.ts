import fc from 'fast-check';
import { decide, initialMemory } from '../../../core/scaling/decide.ts';
import type { Plan, PoolObservation } from '../../../core/scaling/types.ts';
import { worlds } from './scenes.ts';

/** What Auto Scaling may have done by the time an order arrives, and whom it then picks. */
const chance = fc.record({
  launched: fc.nat(6),
  picks: fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
});

type Chance = typeof chance extends fc.Arbitrary<infer T> ? T : never;

/** The instances that AWS ends of its own choice when the plan's orders meet a group that went on launching. */
function chosenByAws(pool: PoolObservation, plan: Plan, name: string, { launched, picks }: Chance): string[] {
  const ended = new Set(
    plan.commands.flatMap((one) =>
      one.kind === 'terminate-instance' && one.pool === name ? [one.instanceId] : [],
    ),
  );
  const live = pool.instances
    .filter(({ lifecycle }) => lifecycle !== 'terminating')
    .map(({ instanceId }) => instanceId);
  const late = Math.min(launched, Math.max(0, pool.desiredNodes - live.length));
  for (let index = 0; index < late; index += 1) live.push(`late-${index}`);
  const order = plan.commands.find((one) => one.kind === 'set-nodes' && one.pool === name);
  if (order?.kind !== 'set-nodes' || order.to >= order.from) return [];
  const kept = new Set(pool.instances.filter((one) => one.isProtected).map(({ instanceId }) => instanceId));
  const left = live.filter((instanceId) => !ended.has(instanceId) && !kept.has(instanceId));
  const chosen: string[] = [];
  while (left.length > Math.max(0, order.to - kept.size))
    chosen.push(...left.splice((picks[chosen.length] ?? 0) % left.length, 1));
  return chosen;
}

describe('nodes, however far the launches have come when an order arrives', () => {
  it('are never left to the choice of AWS while a pod is on one of them or looks for one', () => {
    fc.assert(
      fc.property(worlds, chance, fc.boolean(), (world, later, asleep) => {
        const snapshot = structuredClone(world.snapshot);
        if (asleep && snapshot.queue.ok) snapshot.queue.value = { backlog: 0, inFlight: 0 };
        const { plan } = decide(snapshot, world.policy, initialMemory());
        for (const { name } of world.policy.pools) {
          const reading = snapshot.pools[name];
          if (!reading?.ok) throw new Error(`no reading of ${name}`);
          const chosen = chosenByAws(reading.value, plan, name, later);
          // What nothing runs on yet may go; that of which no pod was there to wait for, too.
          if (chosen.every((instanceId) => instanceId.startsWith('late-'))) continue;
          expect(reading.value.replicas).toEqual([]);
          expect(plan.wantedByPool[name]).toBe(0);
        }
      }),
      { numRuns: 500 },
    );
  });
});

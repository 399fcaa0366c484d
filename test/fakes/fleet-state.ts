import type {
  FleetState,
  LoopLease,
  NextMemory,
  PlanRecord,
  StoredMemory,
} from '../../adapters/aws/fleet-state.ts';
import { ConflictError } from '../../adapters/errors.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { Recorder } from './recorder.ts';

/** The table in memory, with its conditional writes. */
export class FakeFleetState extends Recorder implements FleetState {
  readonly leases = new Map<string, LoopLease>();
  readonly memories = new Map<string, StoredMemory & { writer?: string }>();
  readonly broken: { fleet: string; at: Seconds; memory: StoredMemory }[] = [];
  readonly plans: { fleet: string; record: PlanRecord }[] = [];

  async takeLease(fleet: string, wanted: LoopLease, now: Seconds, after = wanted.holder) {
    this.enter('takeLease', fleet, wanted, now, after);
    const lease = this.leases.get(fleet);
    const isOurs = lease?.holder === wanted.holder || lease?.holder === after;
    if (lease && !isOurs && lease.until > now) return { taken: false, lease };
    this.leases.set(fleet, wanted);
    return { taken: true, lease: wanted };
  }

  async releaseLease(fleet: string, holder: string): Promise<void> {
    this.enter('releaseLease', fleet, holder);
    if (this.leases.get(fleet)?.holder === holder) this.leases.delete(fleet);
  }

  async readMemory(fleet: string): Promise<StoredMemory | undefined> {
    this.enter('readMemory', fleet);
    const item = this.memories.get(fleet);
    if (!item) return undefined;
    const { writer: _, ...stored } = item;
    return structuredClone(stored);
  }

  async writeMemory(fleet: string, expected: unknown, next: NextMemory): Promise<void> {
    this.enter('writeMemory', fleet, expected, next);
    const item = this.memories.get(fleet);
    if (item?.version !== expected && item?.writer !== next.writer) {
      throw new ConflictError(
        `write the memory of the fleet ${fleet}: another version`,
        'ConditionalCheckFailedException',
      );
    }
    this.memories.set(fleet, structuredClone(next));
  }

  async keepBroken(fleet: string, at: Seconds, memory: StoredMemory): Promise<void> {
    this.enter('keepBroken', fleet, at, memory);
    this.broken.push({ fleet, at, memory });
  }

  async storePlan(fleet: string, record: PlanRecord): Promise<void> {
    this.enter('storePlan', fleet, record);
    this.plans.push({ fleet, record: structuredClone(record) });
  }

  async recentPlans(fleet: string, limit: number): Promise<PlanRecord[]> {
    this.enter('recentPlans', fleet, limit);
    return this.plans
      .filter((plan) => plan.fleet === fleet)
      .map(({ record }) => record)
      .sort((a, b) => b.plan.at - a.plan.at)
      .slice(0, limit);
  }

  async plansSince(fleet: string, from: Seconds): Promise<PlanRecord[]> {
    const all = (await this.recentPlans(fleet, Number.POSITIVE_INFINITY)).toReversed();
    const first = all.findIndex(({ plan }) => plan.at >= from);
    return first < 0 ? all.slice(-1) : all.slice(Math.max(0, first - 1));
  }
}

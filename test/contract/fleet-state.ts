import type { FleetState, PlanRecord } from '../../adapters/aws/fleet-state.ts';
import { ConflictError } from '../../adapters/errors.ts';

const NOW = 1_800_000_000;

const record = (at: number): PlanRecord => ({
  plan: {
    fleet: 'cpu',
    at,
    summary: 'scale-out',
    commands: [{ kind: 'set-replicas', pool: 'main', from: 1, to: 3, reason: 'a backlog' }],
    reasons: [{ rule: 'need-now', text: 'a backlog', numbers: { backlog: 12.5 } }],
    wanted: 3,
    wantedByPool: { main: 3 },
    numbers: { backlog: 12, arrivalRate: 0.25 },
    pricePerHour: 1.836,
    again: true,
  },
  trigger: 'schedule',
  execution: 'one',
  durationMs: 84,
  results: [{ status: 'done' }],
  failures: [],
});

const memory = (version: number, text: string, writer = `writer-${version}-${text}`) => ({
  version,
  memory: text,
  writer,
});

/** Lease, memory and plans: what any FleetState holds to. */
export function fleetStateContract(name: string, make: () => FleetState): void {
  let fleets = 0;
  /** A fleet that no other test has touched. */
  const fresh = () => {
    fleets += 1;
    return { state: make(), fleet: `fleet-${fleets}` };
  };

  describe(`${name}: the lease`, () => {
    it('goes to who comes first, and is renewed by its holder', async () => {
      const { state, fleet } = fresh();

      const first = await state.takeLease(fleet, { holder: 'one', until: NOW + 20 }, NOW);
      expect(first.taken).toBe(true);
      const second = await state.takeLease(fleet, { holder: 'two', until: NOW + 25 }, NOW + 5);
      expect(second).toEqual({ taken: false, lease: { holder: 'one', until: NOW + 20 } });
      const renewed = await state.takeLease(fleet, { holder: 'one', until: NOW + 25 }, NOW + 5);
      expect(renewed).toEqual({ taken: true, lease: { holder: 'one', until: NOW + 25 } });
    });

    it('can be taken from the moment it ran out', async () => {
      const { state, fleet } = fresh();
      await state.takeLease(fleet, { holder: 'one', until: NOW + 20 }, NOW);

      expect(await state.takeLease(fleet, { holder: 'two', until: NOW + 40 }, NOW + 19.9)).toMatchObject({
        taken: false,
      });
      expect(await state.takeLease(fleet, { holder: 'two', until: NOW + 40 }, NOW + 20)).toMatchObject({
        taken: true,
      });
    });

    it('passes to the successor of its holder, and to nobody else by that word', async () => {
      const { state, fleet } = fresh();
      await state.takeLease(fleet, { holder: 'one', until: NOW + 20 }, NOW);
      const two = { holder: 'two', until: NOW + 40 };
      expect(await state.takeLease(fleet, two, NOW, 'zero')).toMatchObject({ taken: false });
      expect(await state.takeLease(fleet, two, NOW, 'one')).toEqual({ taken: true, lease: two });
      // The same execution run twice hands over twice: the second successor comes too late.
      expect(await state.takeLease(fleet, { holder: 'twin', until: NOW + 40 }, NOW, 'one')).toEqual({
        taken: false,
        lease: two,
      });
    });

    it('is freed by its holder only', async () => {
      const { state, fleet } = fresh();
      await state.takeLease(fleet, { holder: 'one', until: NOW + 20 }, NOW);
      await state.releaseLease(fleet, 'two');
      expect(await state.takeLease(fleet, { holder: 'two', until: NOW + 40 }, NOW)).toMatchObject({
        taken: false,
      });
      await state.releaseLease(fleet, 'one');
      expect(await state.takeLease(fleet, { holder: 'two', until: NOW + 40 }, NOW)).toMatchObject({
        taken: true,
      });
      await state.releaseLease('fleet-of-no-lease', 'one');
    });

    it('goes to one of many that come at once', async () => {
      const { state, fleet } = fresh();
      const takes = await Promise.all(
        Array.from({ length: 8 }, (_, i) => state.takeLease(fleet, { holder: `${i}`, until: NOW + 20 }, NOW)),
      );
      expect(takes.filter((take) => take.taken)).toHaveLength(1);
    });
  });

  describe(`${name}: the memory`, () => {
    it('is what was written last, to the letter', async () => {
      const { state, fleet } = fresh();
      expect(await state.readMemory(fleet)).toBeUndefined();

      const text = JSON.stringify({ v: 1, rate: 0.1 + 0.2, name: 'ü "quoted"' });
      await state.writeMemory(fleet, undefined, memory(1, text));
      expect(await state.readMemory(fleet)).toEqual({ version: 1, memory: text });
      await state.writeMemory(fleet, 1, { ...memory(2, '{}'), holdUntil: NOW + 900 });
      expect(await state.readMemory(fleet)).toEqual({ version: 2, memory: '{}', holdUntil: NOW + 900 });
      await state.writeMemory(fleet, 2, memory(3, '{}'));
      expect(await state.readMemory(fleet)).toEqual({ version: 3, memory: '{}' });
    });

    it('is not written over by who read an older one', async () => {
      const { state, fleet } = fresh();
      await state.writeMemory(fleet, undefined, memory(1, 'a'));
      await state.writeMemory(fleet, 1, memory(2, 'b'));

      await expect(state.writeMemory(fleet, 1, memory(2, 'late'))).rejects.toBeInstanceOf(ConflictError);
      await expect(state.writeMemory(fleet, undefined, memory(1, 'late'))).rejects.toBeInstanceOf(
        ConflictError,
      );
      expect(await state.readMemory(fleet)).toMatchObject({ memory: 'b' });
    });

    it('takes one of many writes that come at once', async () => {
      const { state, fleet } = fresh();
      await state.writeMemory(fleet, undefined, memory(1, 'a'));
      const writes = await Promise.allSettled(
        Array.from({ length: 8 }, (_, i) => state.writeMemory(fleet, 1, memory(2, `${i}`))),
      );
      expect(writes.filter((write) => write.status === 'fulfilled')).toHaveLength(1);
    });

    it('accepts a write that is repeated because its answer was lost', async () => {
      const { state, fleet } = fresh();
      await state.writeMemory(fleet, undefined, memory(1, 'a', 'me'));
      await state.writeMemory(fleet, undefined, memory(1, 'a', 'me'));
      expect(await state.readMemory(fleet)).toMatchObject({ version: 1 });
    });

    it('keeps a broken one aside', async () => {
      const { state, fleet } = fresh();
      await state.writeMemory(fleet, undefined, memory(1, '{'));
      await state.keepBroken(fleet, NOW, { version: 1, memory: '{' });
      expect(await state.readMemory(fleet)).toMatchObject({ memory: '{' });
    });
  });

  describe(`${name}: the plans`, () => {
    it('come back whole, newest first, as many as asked for', async () => {
      const { state, fleet } = fresh();
      const records = [record(NOW), record(NOW + 5.25), record(NOW + 10)];
      for (const one of records) await state.storePlan(fleet, one);
      await state.storePlan('fleet-of-others', record(NOW + 99));

      expect(await state.recentPlans(fleet, 2)).toEqual([records[2], records[1]]);
      expect(await state.recentPlans(fleet, 10)).toHaveLength(3);
      expect(await state.recentPlans('fleet-of-no-plans', 10)).toEqual([]);
    });

    it('come back from a time on, oldest first, with the one before it', async () => {
      const { state, fleet } = fresh();
      const records = [record(NOW), record(NOW + 5), record(NOW + 10), record(NOW + 15)];
      for (const one of records) await state.storePlan(fleet, one);

      expect(await state.plansSince(fleet, NOW + 7)).toEqual(records.slice(1));
      expect(await state.plansSince(fleet, NOW - 100)).toEqual(records);
      expect(await state.plansSince(fleet, NOW + 99)).toEqual(records.slice(3));
      expect(await state.plansSince('fleet-of-no-plans', NOW)).toEqual([]);
    });

    it('come back all, also where one answer of the table could not hold them', async () => {
      const { state, fleet } = fresh();
      const large = Array.from({ length: 12 }, (_, i) => ({
        ...record(NOW + i),
        failures: ['x'.repeat(100_000)],
      }));
      for (const one of large) await state.storePlan(fleet, one);

      const times = (await state.recentPlans(fleet, 12)).map(({ plan }) => plan.at - NOW);
      expect(times).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    });
  });
}

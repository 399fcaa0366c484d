import type { Notices } from '../../adapters/aws/notices.ts';
import type { Notice } from '../../core/spot/notices.ts';

const NOW = 1_800_000_000;

const interruption = (instanceId: string, at = NOW): Notice => ({
  kind: 'interruption',
  pool: 'spot',
  instanceId,
  at,
  endsAt: at + 120,
});
const failure = (at: number, code = 'InsufficientInstanceCapacity'): Notice => ({
  kind: 'launch-failure',
  pool: 'spot',
  at,
  code,
  message: 'no capacity',
});

/** What any place for notices holds to. */
export function noticesContract(name: string, make: () => Notices): void {
  let fleets = 0;
  const fresh = () => {
    fleets += 1;
    return { notices: make(), fleet: `fleet-${fleets}` };
  };

  describe(`${name}: notices`, () => {
    it('are kept once, whoever brings them again', async () => {
      const { notices, fleet } = fresh();
      const added = await Promise.all(
        Array.from({ length: 5 }, () => notices.add(fleet, interruption('i-1'))),
      );
      expect(added.filter(Boolean)).toHaveLength(1);
      expect(await notices.list(fleet, NOW - 900)).toEqual([interruption('i-1')]);
    });

    it('of one pool at one time are one, and the first stays', async () => {
      const { notices, fleet } = fresh();
      expect(await notices.add(fleet, failure(NOW))).toBe(true);
      expect(await notices.add(fleet, failure(NOW, 'Other'))).toBe(false);
      expect(await notices.add(fleet, failure(NOW + 1))).toBe(true);
      expect(await notices.list(fleet, NOW)).toEqual([failure(NOW), failure(NOW + 1)]);
    });

    it('are told apart by instance, and by kind', async () => {
      const { notices, fleet } = fresh();
      await notices.add(fleet, interruption('i-1'));
      await notices.add(fleet, interruption('i-2'));
      await notices.add(fleet, { kind: 'rebalance', pool: 'spot', instanceId: 'i-1', at: NOW });
      expect(await notices.list(fleet, NOW)).toHaveLength(3);
    });

    it('are listed from a time on, that included, for one fleet', async () => {
      const { notices, fleet } = fresh();
      await notices.add(fleet, failure(NOW - 1));
      await notices.add(fleet, failure(NOW));
      expect(await notices.list(fleet, NOW)).toEqual([failure(NOW)]);
      expect(await notices.list('another', 0)).toEqual([]);
    });
  });
}

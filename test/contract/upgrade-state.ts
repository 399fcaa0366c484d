import type { RunningUpgrade, UpgradeState } from '../../adapters/aws/upgrade-state.ts';
import { ConflictError, NotFoundError } from '../../adapters/errors.ts';

const upgrade = (holder: string): RunningUpgrade => ({
  holder,
  request: { target: 'ollama', to: '0.18.0' },
  summary: 'Ollama',
  ...{ from: 'a', to: 'b', startedAt: 1_800_000_000, updatedAt: 1_800_000_000 },
  ...{ phase: 'begin', say: '', done: 0, total: 3 },
});
const ended = (holder: string, startedAt: number) => ({
  ...upgrade(holder),
  ...{ startedAt, endedAt: startedAt + 60, outcome: 'upgraded' as const },
});
const progress = { phase: 'roll', say: 'one of two', done: 1, updatedAt: 1_800_000_010 };

/** The lock and the history of upgrades: what any UpgradeState holds to. */
export function upgradeStateContract(name: string, make: (cluster: string) => UpgradeState): void {
  let clusters = 0;
  const fresh = () => {
    clusters += 1;
    return make(`upgrades-${clusters}`);
  };

  describe(`${name}: the lock of upgrades`, () => {
    it('goes to who comes first, again to the same, and to who saw the holder end', async () => {
      const state = fresh();
      expect(await state.running()).toBeUndefined();
      await state.take(upgrade('one'));
      await state.take(upgrade('one'));
      await expect(state.take(upgrade('two'))).rejects.toBeInstanceOf(ConflictError);
      await expect(state.take(upgrade('two'), 'three')).rejects.toBeInstanceOf(ConflictError);
      expect(await state.running()).toMatchObject({ holder: 'one' });
      await state.take(upgrade('two'), 'one');
      expect(await state.running()).toEqual(upgrade('two'));
    });

    it('lets its holder alone say how far it is, and hears who wants it back', async () => {
      const state = fresh();
      await expect(state.askToGoBack()).rejects.toBeInstanceOf(NotFoundError);
      await expect(state.note('one', progress)).rejects.toBeInstanceOf(ConflictError);
      await state.take(upgrade('one'));
      expect(await state.note('one', progress)).toBe(false);
      expect(await state.running()).toMatchObject(progress);
      await expect(state.note('two', progress)).rejects.toBeInstanceOf(ConflictError);
      await state.askToGoBack();
      expect(await state.note('one', progress)).toBe(true);
    });

    it('is free after the end, which may be told twice, and by nobody else', async () => {
      const state = fresh();
      await state.take(upgrade('one'));
      await state.end(ended('two', 1_800_000_100));
      expect(await state.running()).toMatchObject({ holder: 'one' });
      await state.end(ended('one', 1_800_000_000));
      await state.end(ended('one', 1_800_000_000));
      expect(await state.running()).toBeUndefined();
    });
  });

  it(`${name}: the history of upgrades has the newest first`, async () => {
    const state = fresh();
    for (const [index, holder] of ['one', 'two', 'three'].entries())
      await state.end(ended(holder, 1_800_000_000 + index * 100));
    expect((await state.history(2)).map(({ holder }) => holder)).toEqual(['three', 'two']);
    expect((await state.history(9))[2]).toEqual(ended('one', 1_800_000_000));
  });
}

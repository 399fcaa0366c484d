import { KeyLocks } from '../../../local/front/s3/locks.ts';

describe('KeyLocks', () => {
  it('runs the writers of one key one after the other, those of other keys at once', async () => {
    const locks = new KeyLocks();
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = locks.run('a', false, async () => {
      await gate.promise;
      order.push('first');
    });
    const second = locks.run('a', false, async () => void order.push('second'));
    await locks.run('b', false, async () => void order.push('other'));
    gate.resolve();
    await Promise.all([first, second]);
    expect(order).toEqual(['other', 'first', 'second']);
  });

  it('tells a writer that its key was deleted while it waited', async () => {
    const locks = new KeyLocks();
    const seen: boolean[] = [];
    const look = async (deleted: boolean) => void seen.push(deleted);
    await Promise.all([
      locks.run('a', false, look),
      locks.run('a', true, async () => {}),
      locks.run('a', false, look),
    ]);
    await locks.run('a', false, look);
    expect(seen).toEqual([false, true, false]);
  });

  it('goes on after a writer that failed, and does not count a deletion that failed', async () => {
    const locks = new KeyLocks();
    const failing = locks.run('a', true, async () => {
      throw new Error('no');
    });
    const next = locks.run('a', false, async (deleted) => deleted);
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe(false);
  });
});

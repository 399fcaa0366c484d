import { type DeadLetters, lookThrough } from '../../adapters/aws/dead-letters.ts';
import { UnavailableError } from '../../adapters/errors.ts';

export interface DeadLettersSetup {
  letters: DeadLetters;
  /** Puts a message there; with a reason, as a worker does. */
  put(body: string, reason?: string): Promise<void>;
  /** The service answers nothing until the answer of this is called. */
  breakDown(): () => void;
}

/** What every dead-letter queue does, the fake and SQS alike. `make` gives an empty one. */
export function deadLettersContract(name: string, make: () => Promise<DeadLettersSetup>): void {
  const bodies = async (letters: DeadLetters): Promise<string[]> => {
    const found: string[] = [];
    const receipts: string[] = [];
    for await (const batch of lookThrough(letters, 60)) {
      found.push(...batch.map(({ body }) => body));
      receipts.push(...batch.map(({ receipt }) => receipt));
    }
    await letters.release(receipts);
    return found.sort();
  };

  describe(`${name}: dead letters`, () => {
    it('come with what put them there, and how often they were looked at', async () => {
      const { letters, put } = await make();
      const before = Date.now();
      await put('"a"', 'given up after 5 failed attempts');
      const [first] = await letters.receive(0);
      expect(first).toMatchObject({
        ...{ body: '"a"', receives: 1, reason: 'given up after 5 failed attempts' },
        messageId: expect.stringMatching(/./),
      });
      expect(Math.abs((first?.sentAt ?? 0) - before)).toBeLessThan(60_000);
      const [second] = await letters.receive(0);
      expect(second).toMatchObject({ messageId: first?.messageId, receives: 2 });
    });

    it('that SQS moved have no reason', async () => {
      const { letters, put } = await make();
      await put('"a"');
      expect((await letters.receive(0))[0]?.reason).toBeUndefined();
    });

    it('are looked through once, each, and are all there afterwards', async () => {
      const { letters, put } = await make();
      const all = Array.from({ length: 25 }, (_, i) => String(i)).sort();
      for (const body of all) await put(body);
      expect(await bodies(letters)).toEqual(all);
      expect(await bodies(letters)).toEqual(all);
    });

    it('are hidden from others while they are looked at, until they are released', async () => {
      const { letters, put } = await make();
      await put('"a"');
      const [held] = await letters.receive(60);
      expect(await letters.receive(60)).toEqual([]);
      await letters.release([held?.receipt ?? '']);
      expect(await letters.receive(60)).toHaveLength(1);
    });

    it('are gone when they are deleted; releasing them then is no error', async () => {
      const { letters, put } = await make();
      await put('"a"');
      const [held] = await letters.receive(60);
      await letters.delete(held?.receipt ?? '');
      await letters.release([held?.receipt ?? '']);
      expect(await bodies(letters)).toEqual([]);
    });

    it('that can not be read are unavailable, not none', async () => {
      const { letters, breakDown } = await make();
      const heal = breakDown();
      await expect(letters.receive(0)).rejects.toBeInstanceOf(UnavailableError);
      heal();
      expect(await letters.receive(0)).toEqual([]);
    });
  });
}

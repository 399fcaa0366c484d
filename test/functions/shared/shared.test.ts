import * as z from 'zod';
import { mapLimited, withDeadline } from '../../../functions/shared/async.ts';
import { readEnv, readJson } from '../../../functions/shared/env.ts';

describe('readEnv', () => {
  it('reads what is there', () => {
    expect(readEnv({ table: 'T' }, { T: 'paddock' })).toEqual({ table: 'paddock' });
  });

  it('names every variable that is missing or empty', () => {
    expect(() => readEnv({ a: 'A', b: 'B', c: 'C' }, { A: '', C: 'c' })).toThrow('missing: A, B.');
  });
});

describe('readJson', () => {
  const schema = z.array(z.strictObject({ name: z.string() })).min(1);

  it('reads what the stack has set', () => {
    expect(readJson(schema, 'FLEETS', '[{"name":"cpu"}]')).toEqual([{ name: 'cpu' }]);
  });

  it.each([
    ['no JSON', 'cpu', /JSON/],
    ['an empty list', '[]', />=1 items/],
    ['a wrong field', '[{"name":1}]', /name/],
  ])('says of %s what is wrong with which variable, and what to do', (_, text, problem) => {
    expect(() => readJson(schema, 'FLEETS', text)).toThrow(/^FLEETS can't be understood/);
    expect(() => readJson(schema, 'FLEETS', text)).toThrow(problem);
    expect(() => readJson(schema, 'FLEETS', text)).toThrow(/deploy it again\.$/);
  });
});

describe('mapLimited', () => {
  it('keeps the order and the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapLimited([5, 1, 4, 2, 3], 2, async (n) => {
      running += 1;
      most = Math.max(most, running);
      for (let i = 0; i < n; i += 1) await Promise.resolve();
      running -= 1;
      return n * 10;
    });

    expect(results).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
  });
});

describe('withDeadline', () => {
  it('gives the result, or the error, of work that is in time', async () => {
    await expect(withDeadline(1000, 'work', Promise.resolve(1))).resolves.toBe(1);
    await expect(withDeadline(1000, 'work', Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('names the work that is late', async () => {
    await expect(withDeadline(1, 'the queue', new Promise(() => {}))).rejects.toThrow(
      'the queue: no answer within 1 ms',
    );
  });
});

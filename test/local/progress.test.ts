import { formatDuration, plainProgress, silentProgress } from '../../local/progress.ts';

function recorded(): { lines: string[]; output: { write(text: string): void } } {
  const lines: string[] = [];
  return { lines, output: { write: (text) => lines.push(...text.trimEnd().split('\n')) } };
}

describe('plain progress', () => {
  it('names a step, its tenths and its end, and hands its value on', async () => {
    const { lines, output } = recorded();
    const value = await plainProgress(output).step('Building', async (update) => {
      update(0.05, 'early');
      update(0.31, '31 of 100');
      update(0.35, '35 of 100');
      update(2, 'over');
      return 42;
    });
    expect(value).toBe(42);
    expect(lines.slice(0, -1)).toEqual([
      'Building …',
      'Building: 30 % (31 of 100)',
      'Building: 100 % (over)',
    ]);
    expect(lines.at(-1)).toMatch(/^Building: done after \d/);
  });

  it('says that a step failed and passes the error on', async () => {
    const { lines, output } = recorded();
    const step = plainProgress(output).step('Starting', () => Promise.reject(new Error('no')));
    await expect(step).rejects.toThrow('no');
    expect(lines.at(-1)).toMatch(/^Starting: failed after \d/);
  });
});

describe('silent progress', () => {
  it('runs the step', async () => {
    expect(await silentProgress().step('Starting', async () => 1)).toBe(1);
  });
});

describe('durations', () => {
  it.each([
    [420, '0.4 s'],
    [11_600, '12 s'],
    [185_000, '3 min 05 s'],
  ])('%d ms', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

import { jest } from '@jest/globals';

export interface Captured<T> {
  result?: T;
  error?: Error;
  /** The JSON lines that went to the function's log. */
  lines: Record<string, unknown>[];
}

/** Runs a handler and collects what it logs: Powertools writes to the console or to a console of its own. */
export async function captured<T>(run: () => Promise<T>): Promise<Captured<T>> {
  const texts: string[] = [];
  const collect = (chunk: unknown): boolean => texts.push(String(chunk)) > 0;
  const spies = [
    jest.spyOn(process.stdout, 'write').mockImplementation(collect as never),
    jest.spyOn(process.stderr, 'write').mockImplementation(collect as never),
    ...(['log', 'info', 'warn', 'error', 'debug'] as const).map((method) =>
      jest.spyOn(console, method).mockImplementation(collect as never),
    ),
  ];
  try {
    const outcome = await run().then(
      (result) => ({ result }),
      (error: Error) => ({ error }),
    );
    return { ...outcome, lines: texts.flatMap((text) => text.split('\n')).flatMap(parse) };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

function parse(line: string): Record<string, unknown>[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
  } catch {
    return [];
  }
}

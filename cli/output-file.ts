import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * A file that is to be written in the end, looked at in the beginning: nobody waits for minutes to be told that it can't be.
 *
 * @throws Error that names the option and says what to do
 */
export function checkWritable(option: string, path: string): void {
  const refuse = (why: string, cause?: unknown): never => {
    throw new Error(`${option} can't be written to ${path}: ${why}. Name another file.`, { cause });
  };
  const folder = dirname(path);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    refuse(code === 'ENOENT' ? `there is no folder ${folder}` : `${code} of the folder ${folder}`, error);
  }
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isDirectory()) refuse('it is a folder');
}

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

export interface SmallDisk {
  folder: string;
  unmount(): void;
}

/** A disk of its own that is really full when it is: a tmpfs. Undefined, said aloud, where this user may mount nothing. */
export function smallDisk(folder: string, bytes: number): SmallDisk | undefined {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${Math.ceil(bytes)}`, 'paddock-test', folder], {
      stdio: 'pipe',
    });
  } catch (error) {
    console.warn(`SKIPPED: nothing can be mounted here: ${(error as Error).message}`);
    return undefined;
  }
  return { folder, unmount: () => void execFileSync('umount', ['--lazy', folder]) };
}

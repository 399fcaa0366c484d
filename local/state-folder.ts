import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Lock, lockInstance } from './process-lock.ts';
import { cleanUpAfterCrash } from './process-records.ts';

/**
 * Makes the folder, which nobody else may look into, and sees that it can be written to.
 *
 * @throws Error that says why not, and what to do
 */
export function makeStateFolder(stateDir: string): void {
  try {
    makeFolder(stateDir);
    const probe = join(stateDir, `.writable.${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new Error(
      `The state folder ${stateDir} can't be made or written to: ${(error as Error).message}. Name another with --state-dir.`,
      { cause: error },
    );
  }
}

/** Folder by folder: `mkdir` with `recursive` never comes back below /proc, whose folders are there and take none. */
function makeFolder(path: string): void {
  if (!existsSync(path)) {
    makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}

/**
 * Takes a state folder for this process and ends what a crashed run left behind there; `onCleanUp` is told the names.
 * Throws LockTakenError while another run has it. Release the lock when everything is stopped.
 */
export async function takeStateFolder(stateDir: string, onCleanUp: (names: string[]) => void): Promise<Lock> {
  const lock = lockInstance(stateDir);
  try {
    const ended = await cleanUpAfterCrash(stateDir);
    if (ended.length > 0) {
      onCleanUp(ended);
    }
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

import { type Lock, lockInstance } from './process-lock.ts';
import { cleanUpAfterCrash } from './process-records.ts';

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

import { defaultCacheDir } from './build/artifacts.ts';
import { Supervisor, stopOnSignals } from './processes.ts';
import { createProgress, type Progress } from './progress.ts';
import { announce, removeSession } from './session.ts';
import { makeStateFolder, takeStateFolder } from './state-folder.ts';
import { type SystemOptions, startSystem } from './system/start.ts';
import type { LocalSystem } from './system/system.ts';

export interface HoldOptions {
  stateDir: string;
  /** Say nothing on the way. */
  quiet: boolean;
}

/** What is to be brought up. */
export type HeldSystem = Omit<SystemOptions, 'stateDir' | 'cacheDir' | 'supervisor' | 'progress'>;

/** What a run may use. */
export interface Held {
  system: LocalSystem;
  progress: Progress;
  /** To be ended before the system is: at the end of the run, or at Ctrl-C. */
  onStop(step: () => void): void;
}

/**
 * Brings a system up in its state folder, lets other commands find it, and ends it whatever happens: when `run` is over, when it
 * throws, at a signal.
 *
 * @param prepare what takes its time before the start; the state folder is taken then
 * @throws what start-up or the run throws
 */
export async function withSystem<T>(
  { stateDir, quiet }: HoldOptions,
  prepare: (progress: Progress) => Promise<HeldSystem>,
  run: (held: Held) => Promise<T>,
): Promise<T> {
  makeStateFolder(stateDir);
  const progress = createProgress({ quiet });
  const lock = await takeStateFolder(stateDir, (names) =>
    progress.info(`Ended what a crashed run had left behind: ${names.join(', ')}`),
  );
  const steps: (() => void)[] = [];
  let system: LocalSystem | undefined;
  const supervisor = new Supervisor({
    stateDir,
    onUnexpectedExit: (error) => {
      console.error(error.message);
      process.kill(process.pid, 'SIGTERM');
    },
  });
  const stopAll = async (): Promise<void> => {
    for (const step of steps) step();
    removeSession(stateDir);
    await system?.stop();
    await supervisor.stopAll();
    lock.release();
  };
  let stopping: Promise<void> | undefined;
  // A signal and the end of the run may both ask for it.
  const stop = (): Promise<void> => {
    stopping ??= stopAll();
    return stopping;
  };
  const undoSignals = stopOnSignals(stop);
  try {
    const options = await prepare(progress);
    system = await startSystem({ ...options, stateDir, cacheDir: defaultCacheDir(), supervisor, progress });
    announce(stateDir, system);
    return await run({ system, progress, onStop: (step) => void steps.push(step) });
  } finally {
    undoSignals();
    await stop();
  }
}

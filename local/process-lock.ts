import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { identify, isRunning } from './process-identity.ts';

const holderSchema = z.object({
  pid: z.int().positive(),
  startedAt: z.string(),
  /** ISO time when the lock was taken. */
  since: z.string(),
  /** What the holder does, for the message to whoever finds the lock taken. */
  what: z.string(),
});

export type LockHolder = z.infer<typeof holderSchema>;

export interface Lock {
  release(): void;
}

export class LockTakenError extends Error {
  readonly holder: LockHolder;
  constructor(message: string, holder: LockHolder) {
    super(message);
    this.name = 'LockTakenError';
    this.holder = holder;
  }
}

function readHolder(path: string): LockHolder | undefined {
  try {
    return holderSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined; // no file, or one that nobody could have written in one piece: a lock of nobody
  }
}

const isAlreadyThere = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EEXIST';

/**
 * Takes the lock or says who holds it. A lock whose holder no longer runs is nobody's. The file appears complete or not
 * at all (written aside, then linked), and a stale one is first moved aside and looked at again, so that of several
 * that find it stale one wins.
 */
export function tryLock(path: string, what: string): Lock | LockHolder {
  const own = identify(process.pid);
  if (own === undefined) {
    throw new Error(`cannot lock ${path}: this system tells nothing about process ${process.pid}`);
  }
  mkdirSync(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}`;
  const content = JSON.stringify({ ...own, since: new Date().toISOString(), what } satisfies LockHolder);
  writeFileSync(aside, content);
  try {
    for (;;) {
      try {
        linkSync(aside, path);
        return { release: () => release(path, content) };
      } catch (error) {
        if (!isAlreadyThere(error)) {
          throw error;
        }
      }
      const holder = readHolder(path);
      if (holder !== undefined && isRunning(holder)) {
        return holder;
      }
      removeStale(path);
    }
  } finally {
    rmSync(aside, { force: true });
  }
}

function removeStale(path: string): void {
  const stale = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, stale);
  } catch {
    return; // someone else was faster
  }
  const holder = readHolder(stale);
  if (holder !== undefined && isRunning(holder)) {
    linkSync(stale, path); // taken anew between our look and our move: give it back
  }
  rmSync(stale, { force: true });
}

function release(path: string, content: string): void {
  try {
    if (readFileSync(path, 'utf8') === content) {
      rmSync(path, { force: true });
    }
  } catch {
    // gone already, with the folder that held it
  }
}

export const isLock = (result: Lock | LockHolder): result is Lock => 'release' in result;

/** One `paddock local` per state folder. Throws LockTakenError that names the holder. */
export function lockInstance(stateDir: string): Lock {
  const result = tryLock(`${stateDir}/instance.lock`, 'paddock local');
  if (isLock(result)) {
    return result;
  }
  throw new LockTakenError(
    `paddock local already runs with the state folder ${stateDir}: process ${result.pid}, since ${result.since}. ` +
      'Stop it (Ctrl-C there), or choose another state folder.',
    result,
  );
}

/** Waits for the lock; `onWait` is told once who holds it. */
export async function waitForLock(
  path: string,
  what: string,
  onWait: (holder: LockHolder) => void,
): Promise<Lock> {
  let told = false;
  for (;;) {
    const result = tryLock(path, what);
    if (isLock(result)) {
      return result;
    }
    if (!told) {
      told = true;
      onWait(result);
    }
    await sleep(300);
  }
}

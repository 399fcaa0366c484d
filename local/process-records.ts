import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { identify, isRunning, type ProcessIdentity } from './process-identity.ts';

const recordSchema = z.object({ name: z.string(), pid: z.int().positive(), startedAt: z.string() });

type ProcessRecord = z.infer<typeof recordSchema>;

/** One file per process, so that several supervisors may share a state folder. */
const folderOf = (stateDir: string): string => join(stateDir, 'processes');
const fileOf = (stateDir: string, pid: number): string => join(folderOf(stateDir), `${pid}.json`);

/** Signals the process and what it started (it leads a process group). False when none of them exists. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Writes down a child just spawned. One that can't be recorded would outlive a crash: it is ended rather than kept. */
export function recordProcess(stateDir: string, name: string, pid: number): void {
  const identity = identify(pid);
  if (identity === undefined) {
    return; // it has ended already: whoever waits for it will see that
  }
  try {
    mkdirSync(folderOf(stateDir), { recursive: true });
    writeFileSync(fileOf(stateDir, pid), JSON.stringify({ name, ...identity } satisfies ProcessRecord));
  } catch (error) {
    signalGroup(pid, 'SIGKILL');
    throw error;
  }
}

export function forgetProcess(stateDir: string, pid: number): void {
  rmSync(fileOf(stateDir, pid), { force: true });
}

function readRecords(stateDir: string): ProcessRecord[] {
  let files: string[];
  try {
    files = readdirSync(folderOf(stateDir));
  } catch {
    return [];
  }
  return files.flatMap((file) => {
    try {
      return [recordSchema.parse(JSON.parse(readFileSync(join(folderOf(stateDir), file), 'utf8')))];
    } catch {
      return []; // cut off while it was written
    }
  });
}

/**
 * Ends what an earlier run left behind in this state folder: the processes that it recorded, and only while each is
 * still that very process. Returns their names. Call it while holding the instance lock.
 *
 * @param graceMs milliseconds between SIGTERM and SIGKILL
 */
export async function cleanUpAfterCrash(stateDir: string, graceMs = 3_000): Promise<string[]> {
  const left = readRecords(stateDir).filter(isRunning);
  await Promise.all(left.map((record) => endLeftOver(record, graceMs)));
  rmSync(folderOf(stateDir), { recursive: true, force: true });
  return left.map(({ name }) => name).sort();
}

async function endLeftOver(identity: ProcessIdentity, graceMs: number): Promise<void> {
  signalGroup(identity.pid, 'SIGTERM');
  const until = Date.now() + graceMs;
  while (isRunning(identity)) {
    if (Date.now() > until) {
      signalGroup(identity.pid, 'SIGKILL');
    }
    await sleep(20);
  }
  signalGroup(identity.pid, 'SIGKILL'); // what it had started, if anything of that remains
}

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process that can be told from a later one with the same id: the kernel gives ids out again, never the same id with
 * the same start.
 */
export interface ProcessIdentity {
  pid: number;
  /** Opaque: boot id and start time on Linux, `ps` start time elsewhere. */
  startedAt: string;
}

/** Field 22 of /proc/<pid>/stat, counted after the command, which may itself hold spaces and brackets. */
export function startTimeOf(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** Field 3, in the same count: `Z` is a process that has ended and waits for its parent to notice. */
function stateOf(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0];
}

function identifyOnLinux(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const startTime = startTimeOf(stat);
  if (startTime === undefined || stateOf(stat) === 'Z') {
    return undefined;
  }
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return { pid, startedAt: `${boot}:${startTime}` };
}

function identifyByPs(pid: number): ProcessIdentity | undefined {
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return started === '' ? undefined : { pid, startedAt: started };
  } catch {
    return undefined;
  }
}

/** The identity of a running process; undefined when none runs under that id. */
export function identify(pid: number): ProcessIdentity | undefined {
  return process.platform === 'linux' ? identifyOnLinux(pid) : identifyByPs(pid);
}

/** True while that very process runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startedAt === identity.startedAt;
}

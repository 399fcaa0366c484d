import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { forgetProcess, recordProcess, signalGroup } from './process-records.ts';

/** How long a process may take to end after SIGTERM before it is killed, milliseconds. */
const DEFAULT_GRACE_MS = 5_000;
/** Reached only by what never gets ready: a busy machine makes Kubernetes slow to start. */
const DEFAULT_READY_TIMEOUT_MS = 180_000;
const LAST_LINES = 15;

export interface ExitInfo {
  /** null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface StartOptions {
  /** Added to this process's own environment. */
  env?: Record<string, string>;
  cwd?: string;
  /** Standard output and error go here; the file is begun anew. */
  logFile: string;
  /** Asked every 50 ms until it says true; a rejection counts as 'not yet'. Absent: ready once spawned. */
  readiness?: (signal: AbortSignal) => Promise<boolean>;
  /** Milliseconds, default 180,000. */
  readyTimeoutMs?: number;
  /** Milliseconds between SIGTERM and SIGKILL, default 5,000. */
  graceMs?: number;
  /** Gives the start up: the process is stopped, and `start` throws the signal's reason. No effect once it is ready. */
  signal?: AbortSignal;
  /** An exit that nobody asked for, once it was ready. Absent: the supervisor's `onUnexpectedExit`. */
  onExit?: (info: ExitInfo) => void;
}

export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when it has ended, for whatever reason. */
  readonly exited: Promise<ExitInfo>;
  /** TERM, then KILL after the grace; resolves when it has ended. */
  stop(): Promise<void>;
}

/** A component ended or never got ready; the message holds its last log lines. */
export class ComponentError extends Error {
  readonly component: string;
  constructor(component: string, what: string, logFile: string) {
    const lines = lastLines(logFile);
    super(
      `${component} ${what}. ${lines === '' ? 'It logged nothing.' : `Its last log lines (${logFile}):\n${lines}`}`,
    );
    this.name = 'ComponentError';
    this.component = component;
  }
}

function lastLines(logFile: string): string {
  try {
    const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LAST_LINES);
    return lines
      .map((line) => `  ${line.slice(0, 400)}`)
      .join('\n')
      .trimEnd();
  } catch {
    return '';
  }
}

const describe = ({ code, signal }: ExitInfo): string =>
  signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;

/**
 * Starts child processes, keeps a record of each in the state folder, and ends them in reverse order. Several may share
 * one state folder. Each child leads a process group of its own: Ctrl-C reaches this process alone, which then stops
 * its children in order.
 */
export class Supervisor {
  readonly #stateDir: string;
  readonly #onUnexpectedExit: (error: ComponentError) => void;
  readonly #running = new Map<number, ManagedProcess>();
  #stopping = false;
  /** The last resort when this process ends without having stopped its children. */
  readonly #killAll = (): void => {
    for (const pid of this.#running.keys()) {
      signalGroup(pid, 'SIGKILL');
    }
  };

  constructor(options: { stateDir: string; onUnexpectedExit?: (error: ComponentError) => void }) {
    this.#stateDir = options.stateDir;
    this.#onUnexpectedExit =
      options.onUnexpectedExit ??
      ((error) => {
        throw error;
      });
    process.on('exit', this.#killAll);
  }

  /** Resolves when it is ready. Throws ComponentError when it ends first or is not ready in time; it is stopped then. */
  async start(name: string, command: string, args: string[], options: StartOptions): Promise<ManagedProcess> {
    if (this.#stopping) {
      throw new Error(`${name} was not started: everything is being stopped`);
    }
    const child = spawnLogged(command, args, options);
    const exited = exitOf(child);
    const pid = child.pid;
    if (pid === undefined) {
      const error = await exited.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      throw new Error(
        `${name} could not be started: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    recordProcess(this.#stateDir, name, pid);
    let asked = false;
    let ready = false;
    const managed: ManagedProcess = {
      name,
      pid,
      logFile: options.logFile,
      exited,
      stop: async () => {
        asked = true;
        await endGroup(pid, exited, options.graceMs ?? DEFAULT_GRACE_MS);
      },
    };
    this.#running.set(pid, managed);
    void exited.then((info) => {
      this.#running.delete(pid);
      forgetProcess(this.#stateDir, pid);
      signalGroup(pid, 'SIGKILL'); // what it started itself ends with it
      if (ready && !asked) {
        (
          options.onExit ??
          ((why) => this.#onUnexpectedExit(new ComponentError(name, describe(why), options.logFile)))
        )(info);
      }
    });
    try {
      await becomesReady(managed, options);
    } catch (error) {
      await managed.stop();
      throw error;
    }
    ready = true;
    return managed;
  }

  /** Ends all children, the last started first, and starts no more. Never throws for one that has ended already. */
  async stopAll(): Promise<void> {
    this.#stopping = true;
    for (const managed of [...this.#running.values()].reverse()) {
      await managed.stop();
    }
    process.off('exit', this.#killAll);
  }
}

function spawnLogged(command: string, args: string[], options: StartOptions): ChildProcess {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'w');
  try {
    return spawn(command, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
  } finally {
    closeSync(log);
  }
}

function exitOf(child: ChildProcess): Promise<ExitInfo> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', reject);
  });
}

async function becomesReady(managed: ManagedProcess, options: StartOptions): Promise<void> {
  if (options.readiness === undefined) {
    return;
  }
  const { readiness, readyTimeoutMs = DEFAULT_READY_TIMEOUT_MS } = options;
  const over = AbortSignal.timeout(readyTimeoutMs);
  let ended: ExitInfo | undefined;
  void managed.exited.then((info) => {
    ended = info;
  });
  for (;;) {
    if (ended !== undefined) {
      throw new ComponentError(managed.name, `${describe(ended)} before it was ready`, managed.logFile);
    }
    options.signal?.throwIfAborted();
    if (over.aborted) {
      throw new ComponentError(
        managed.name,
        `was not ready within ${readyTimeoutMs / 1000} s`,
        managed.logFile,
      );
    }
    if (await readiness(over).catch(() => false)) {
      return;
    }
    await sleep(50);
  }
}

async function endGroup(pid: number, exited: Promise<ExitInfo>, graceMs: number): Promise<void> {
  signalGroup(pid, 'SIGTERM');
  const timer = new AbortController();
  const timeUp = sleep(graceMs, 'time is up', { signal: timer.signal }).catch(() => undefined);
  const first = await Promise.race([exited, timeUp]);
  timer.abort();
  if (first === 'time is up') {
    signalGroup(pid, 'SIGKILL');
    await exited;
  }
}

/**
 * Runs `stop` at the first SIGINT, SIGTERM or SIGHUP and then ends this process with the usual 128 + signal number. A
 * second signal ends it at once; the supervisor's children are killed then. Returns how to undo it.
 */
export function stopOnSignals(stop: () => Promise<void>): () => void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    const code = 128 + constants.signals[signal];
    if (stopping) {
      process.exit(code);
    }
    stopping = true;
    stop()
      .catch((error: unknown) => console.error(error))
      .finally(() => process.exit(code));
  };
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) {
    process.on(signal, onSignal);
  }
  return () => {
    for (const signal of signals) {
      process.off(signal, onSignal);
    }
  };
}

import { constants } from 'node:os';
import { join } from 'node:path';
import { signalGroup } from '../process-records.ts';
import type { ExitInfo, ManagedProcess, Supervisor } from '../processes.ts';
import { type ProbeOptions, Prober } from './probe.ts';
import type { PodFacts } from './status.ts';

export interface ContainerOptions {
  name: string;
  bundlePath: string;
  env: Record<string, string>;
  supervisor: Supervisor;
  logDir: string;
  probe: Omit<ProbeOptions, 'onReadiness' | 'onDead'>;
  /** First pause after a second crash, milliseconds. */
  backoffMs: number;
  onChange: () => void;
  onCrash: (restarts: number, reason: string) => void;
}

const BACKOFF_CAP_MS = 300_000;
/** A kubelet forgets earlier crashes after this long without one. */
const FORGIVEN_MS = 600_000;

const now = (): string => new Date().toISOString();

/** The worker's container: a process that is started again when it ends unasked, and probed while it runs. */
export class WorkerContainer {
  readonly #options: ContainerOptions;
  readonly #stop = new AbortController();
  #process: ManagedProcess | undefined;
  #prober: Prober | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #crashesInARow = 0;
  #since = now();
  #isReady = false;
  #restarts = 0;
  #state: PodFacts['state'] = { kind: 'backing-off', reason: 'not started yet' };
  #last: PodFacts['last'];

  constructor(options: ContainerOptions) {
    this.#options = options;
  }

  get facts(): Pick<PodFacts, 'isReady' | 'restarts' | 'state' | 'last'> {
    return {
      isReady: this.#isReady,
      restarts: this.#restarts,
      state: this.#state,
      ...(this.#last && { last: this.#last }),
    };
  }

  async start(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const { name, bundlePath, env, supervisor, logDir, probe } = this.#options;
    const suffix = this.#restarts === 0 ? '' : `.${this.#restarts}`;
    this.#since = now();
    const process_ = await supervisor.start(`pod ${name}`, process.execPath, [bundlePath], {
      env,
      logFile: join(logDir, `${name}${suffix}.log`),
      onExit: (info) => this.#crashed(info),
    });
    this.#process = process_;
    if (this.#stop.signal.aborted) return void signalGroup(process_.pid, 'SIGKILL');
    this.#state = { kind: 'running', since: this.#since };
    const prober = new Prober({
      ...probe,
      onReadiness: (isReady) => this.#prober === prober && this.#setReady(isReady),
      onDead: () => void signalGroup(process_.pid, 'SIGKILL'),
    });
    this.#prober = prober;
    void prober.run();
    this.#options.onChange();
  }

  /** SIGTERM, and SIGKILL when the grace is over; 0 kills at once. Resolves when the process has ended. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#restartTimer);
    this.#prober?.stop();
    const running = this.#process;
    if (!running) return;
    this.#setReady(false);
    signalGroup(running.pid, graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
    const killer = setTimeout(() => signalGroup(running.pid, 'SIGKILL'), graceMs);
    const info = await running.exited;
    clearTimeout(killer);
    this.#end(info);
  }

  /** Kills the process as an out-of-memory kill would; false when none runs. */
  crash(): boolean {
    return this.#process !== undefined && signalGroup(this.#process.pid, 'SIGKILL');
  }

  #setReady(isReady: boolean): void {
    if (this.#isReady === isReady) return;
    this.#isReady = isReady;
    this.#options.onChange();
  }

  #crashed(info: ExitInfo): void {
    if (this.#stop.signal.aborted) return;
    this.#prober?.stop();
    const ranFor = Date.now() - Date.parse(this.#since);
    this.#crashesInARow = ranFor > FORGIVEN_MS ? 1 : this.#crashesInARow + 1;
    this.#end(info);
    const reason = info.signal ? `ended by ${info.signal}` : `exit code ${info.code}`;
    this.#state = { kind: 'backing-off', reason };
    this.#isReady = false;
    this.#restarts += 1;
    this.#options.onCrash(this.#restarts, reason);
    this.#options.onChange();
    // The first crash is answered at once, as a kubelet does.
    const step = this.#crashesInARow - 2;
    const pause = step < 0 ? 0 : Math.min(BACKOFF_CAP_MS, this.#options.backoffMs * 2 ** step);
    this.#restartTimer = setTimeout(() => {
      this.start().catch((error: Error) => this.#options.onCrash(this.#restarts, error.message));
    }, pause);
  }

  #end(info: ExitInfo): void {
    const signal = info.signal ? constants.signals[info.signal] : undefined;
    const end = {
      exitCode: info.code ?? 128 + (signal ?? 0),
      ...(signal !== undefined && { signal }),
      since: this.#since,
      until: now(),
    };
    this.#last = end;
    this.#state = { kind: 'terminated', ...end };
    this.#process = undefined;
    this.#isReady = false;
  }
}

import { join } from 'node:path';
import type { PodModelServers, ServerSpec } from '../model-server/types.ts';
import { signalGroup } from '../process-records.ts';
import type { ManagedProcess, Supervisor } from '../processes.ts';
import { prepareDisk } from './disk.ts';
import type { OllamaInstall } from './install.ts';
import { serveOllama } from './serve.ts';

export interface OllamaServersOptions {
  install: Pick<OllamaInstall, 'program' | 'store'>;
  supervisor: Supervisor;
  logDir: string;
  onTrouble: (reason: string) => void;
}

/** Before the second start in a row, doubling up to five minutes, as a kubelet does. */
const BACKOFF_MS = 10_000;
const BACKOFF_CAP_MS = 300_000;
/** A server that ran this long before it ended is started again at once. */
const FORGIVEN_MS = 60_000;

/** One `ollama serve` for each pod, at the pod's own address and with a disk of its own. */
export class OllamaServers implements PodModelServers {
  readonly kind = 'ollama';
  readonly #options: OllamaServersOptions;
  readonly #servers = new Map<string, Replica>();

  constructor(options: OllamaServersOptions) {
    this.#options = options;
  }

  async add(spec: ServerSpec & { disk: string }): Promise<void> {
    const replica = this.#servers.get(spec.pod) ?? new Replica(spec, this.#options);
    this.#servers.set(spec.pod, replica);
    await replica.start();
  }

  async remove(pod: string): Promise<void> {
    const replica = this.#servers.get(pod);
    this.#servers.delete(pod);
    await replica?.end();
  }

  /** Kills the pod's server as an out-of-memory kill would; it is started again. False: none runs. */
  crash(pod: string): boolean {
    return this.#servers.get(pod)?.crash() ?? false;
  }

  onEvent(): () => void {
    return () => undefined;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers.keys()].map((pod) => this.remove(pod)));
  }
}

/** The sidecar of one pod. */
class Replica {
  readonly #spec: ServerSpec;
  readonly #options: OllamaServersOptions;
  readonly #disk: string;
  readonly #over = new AbortController();
  #process: ManagedProcess | undefined;
  #starts = 0;
  #startedAt = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(spec: ServerSpec & { disk: string }, options: OllamaServersOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#disk = spec.disk;
  }

  async start(): Promise<void> {
    const { supervisor, install, logDir } = this.#options;
    const { pod, host, port, models, environment } = this.#spec;
    if (this.#starts === 0) prepareDisk(this.#disk, install.store, models);
    const suffix = this.#starts === 0 ? '' : `.${this.#starts}`;
    this.#starts += 1;
    this.#startedAt = Date.now();
    const { process: started } = await serveOllama({
      ...{ supervisor, program: install.program, models: this.#disk, signal: this.#over.signal },
      name: `ollama of ${pod}`,
      logFile: join(logDir, `${pod}.ollama${suffix}.log`),
      host: `${host}:${port}`,
      ...(environment && { env: environment }),
      onExit: ({ code, signal }) => this.#ended(signal ? `ended by ${signal}` : `exit code ${code}`),
    });
    this.#process = started;
  }

  crash(): boolean {
    return this.#process !== undefined && signalGroup(this.#process.pid, 'SIGKILL');
  }

  /** At once: whoever drains has done so before. */
  async end(): Promise<void> {
    this.#over.abort(new Error('the pod ends'));
    clearTimeout(this.#timer);
    const running = this.#process;
    if (running) {
      signalGroup(running.pid, 'SIGKILL');
      await running.exited;
    }
  }

  #ended(reason: string): void {
    this.#process = undefined;
    if (this.#over.signal.aborted) return;
    this.#options.onTrouble(`the Ollama of ${this.#spec.pod} ${reason} and is started again`);
    this.#failures = Date.now() - this.#startedAt > FORGIVEN_MS ? 1 : this.#failures + 1;
    const step = this.#failures - 2;
    const pause = step < 0 ? 0 : Math.min(BACKOFF_CAP_MS, BACKOFF_MS * 2 ** step);
    this.#timer = setTimeout(() => {
      this.start().catch((error: Error) => {
        if (!this.#over.signal.aborted) this.#ended(error.message);
      });
    }, pause);
  }
}

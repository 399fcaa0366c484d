import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { V1Pod, V1PodCondition } from '@kubernetes/client-node';
import { NotFoundError } from '../../adapters/errors.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';
import { ROUTER_PORTS } from '../../workloads/names.ts';
import type { KubeletApi, PodRef } from '../pods/api.ts';
import { type PodFacts, podStatus } from '../pods/status.ts';
import type { ManagedProcess, Supervisor } from '../processes.ts';
import { findProgram, keepsByDefault } from './binary.ts';
import { localNginxConfig, type ReadyPods } from './site.ts';

export interface RouterPodOptions {
  config: Pick<PaddockConfig, 'fleets' | 'router'>;
  api: KubeletApi;
  supervisor: Supervisor;
  /** Undefined: there is none on this machine, and the pod waits for it. */
  nginx: string | undefined;
  stateDir: string;
  readyPods: () => ReadyPods;
  onTrouble: (reason: string) => void;
}

const RESTART_MS = 1_000;
const RETRY_MS = 500;
/** Connections that are kept end with the pod; SIGQUIT waits for requests under way. */
const GRACE_MS = 5_000;

/** Keeps no process alive. */
const pause = (ms: number): Promise<void> => delay(ms, undefined, { ref: false });

const now = (): string => new Date().toISOString();

/** One router pod: a real Nginx at the pod's own loopback address, with Prometheus' exporter where that is installed. */
export class RouterPod {
  readonly ref: PodRef;
  readonly podIP: string;
  readonly #options: RouterPodOptions;
  readonly #dir: string;
  readonly #startedAt = now();
  readonly #over = new AbortController();
  #pod: V1Pod;
  #nginx: ManagedProcess | undefined;
  #exporter: ManagedProcess | undefined;
  readonly #keepsByDefault: boolean;
  #rendered = '';
  #restarts = 0;
  #state: PodFacts['state'] = { kind: 'backing-off', reason: 'not started yet' };
  #conditions: V1PodCondition[] = [];

  constructor(pod: V1Pod, ref: PodRef, podIP: string, options: RouterPodOptions) {
    this.#pod = pod;
    this.ref = ref;
    this.podIP = podIP;
    this.#options = options;
    this.#dir = join(options.stateDir, ref.uid);
    this.#keepsByDefault = options.nginx !== undefined && keepsByDefault(options.nginx);
  }

  get isReady(): boolean {
    return this.#state.kind === 'running';
  }

  /** Where clients reach it. */
  get url(): string {
    return `http://${this.podIP}:${ROUTER_PORTS.public.port}`;
  }

  async start(): Promise<void> {
    const { nginx } = this.#options;
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    if (nginx === undefined) {
      this.#state = { kind: 'backing-off', reason: 'nginx is not installed on this machine' };
      return this.#report();
    }
    await this.#run(nginx);
    const exporter = findProgram('prometheus-nginx-exporter');
    if (exporter !== undefined) await this.#runExporter(exporter);
  }

  update(pod: V1Pod): void {
    this.#pod = pod;
  }

  /** Takes over what changed among the replicas: Nginx goes on with new workers, the old ones finish what they have. */
  reload(): void {
    if (this.#nginx === undefined || !this.#write()) return;
    signal(this.#nginx, 'SIGHUP');
  }

  /** SIGQUIT lets requests under way end; `remove` takes the object away as the kubelet does. */
  async stop(options: { remove: boolean }): Promise<void> {
    this.#over.abort();
    const nginx = this.#nginx;
    this.#nginx = undefined;
    if (nginx && options.remove) {
      signal(nginx, 'SIGQUIT');
      await Promise.race([nginx.exited, pause(GRACE_MS)]);
    }
    await nginx?.stop();
    await this.#exporter?.stop();
    rmSync(this.#dir, { recursive: true, force: true });
    if (options.remove) await this.#persist(() => this.#options.api.remove(this.ref));
  }

  async #run(nginx: string): Promise<void> {
    this.#write();
    const url = `http://${this.podIP}:${ROUTER_PORTS.internal.port}/healthz`;
    try {
      this.#nginx = await this.#options.supervisor.start(
        `router ${this.ref.name}`,
        nginx,
        ['-c', this.#file, '-g', 'daemon off;'],
        {
          logFile: join(this.#options.stateDir, `${this.ref.name}.log`),
          readiness: async (signal) => (await fetch(url, { signal })).ok,
          signal: this.#over.signal,
          onExit: ({ code, signal }) => void this.#crashed(nginx, signal ?? `exit code ${code}`),
        },
      );
      this.#state = { kind: 'running', since: now() };
    } catch (error) {
      if (this.#over.signal.aborted) return;
      await this.#crashed(nginx, error instanceof Error ? error.message : String(error));
      return;
    }
    await this.#report();
    // What changed while it started.
    this.reload();
  }

  async #crashed(nginx: string, reason: string): Promise<void> {
    if (this.#over.signal.aborted) return;
    this.#nginx = undefined;
    this.#restarts += 1;
    this.#state = { kind: 'backing-off', reason };
    this.#options.onTrouble(`${this.ref.name}: ${reason}`);
    await this.#report();
    await pause(RESTART_MS);
    if (!this.#over.signal.aborted) await this.#run(nginx);
  }

  async #runExporter(exporter: string): Promise<void> {
    const { internal, metrics } = ROUTER_PORTS;
    this.#exporter = await this.#options.supervisor.start(
      `router ${this.ref.name} metrics`,
      exporter,
      [
        `--nginx.scrape-uri=http://${this.podIP}:${internal.port}/stub_status`,
        `--web.listen-address=${this.podIP}:${metrics.port}`,
      ],
      {
        logFile: join(this.#options.stateDir, `${this.ref.name}.metrics.log`),
        onExit: () => this.#options.onTrouble(`${this.ref.name}: the exporter ended`),
      },
    );
  }

  get #file(): string {
    return join(this.#dir, 'nginx.conf');
  }

  /** False when nothing has changed. */
  #write(): boolean {
    const pods = this.#options.readyPods();
    const text = localNginxConfig(this.#options.config, {
      podIP: this.podIP,
      dir: this.#dir,
      pods,
      keepsByDefault: this.#keepsByDefault,
    });
    if (text === this.#rendered) return false;
    writeFileSync(this.#file, text);
    this.#rendered = text;
    return true;
  }

  async #report(): Promise<void> {
    await this.#persist(async () => {
      const facts: PodFacts = {
        podIP: this.podIP,
        startedAt: this.#startedAt,
        isReady: this.isReady,
        restarts: this.#restarts,
        state: this.#state,
      };
      const status = podStatus(this.#pod, facts, this.#conditions, now());
      await this.#options.api.setStatus(this.ref, status);
      this.#conditions = status.conditions ?? [];
    });
  }

  /** Until it succeeds, or there is nothing to do it to. */
  async #persist(step: () => Promise<void>): Promise<void> {
    for (let tries = 0; tries < 120; tries += 1) {
      try {
        return await step();
      } catch (error) {
        if (error instanceof NotFoundError) return;
        this.#options.onTrouble(
          `${this.ref.name}: ${error instanceof Error ? error.message : String(error)}`,
        );
        await pause(RETRY_MS);
      }
    }
  }
}

/** To Nginx's master alone; one that has just ended reads its file at its next start. */
function signal(nginx: ManagedProcess, name: NodeJS.Signals): void {
  try {
    process.kill(nginx.pid, name);
  } catch {
    // There is nobody to tell.
  }
}

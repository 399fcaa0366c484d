import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Pod, V1PodCondition } from '@kubernetes/client-node';
import { NotFoundError } from '../../adapters/errors.ts';
import { OLLAMA_PORT } from '../../core/protocol/names.ts';
import { versionOfImage } from '../model-server/versions.ts';
import type { Addresses } from './addresses.ts';
import type { KubeletApi, PodRef } from './api.ts';
import { WorkerContainer } from './container.ts';
import { containerEnvironment, ollamaContainerOf, workerContainerOf } from './environment.ts';
import { probeSettings } from './probe.ts';
import { podStatus } from './status.ts';
import { PodToken } from './token.ts';
import type { PodEvent, PodRunnerOptions } from './types.ts';

/** Folder of the models' volumes, in the pods' folder. */
export const DISKS = 'disks';
const RETRY_MS = 500;
const DEFAULT_GRACE_SECONDS = 30;

type Kind = Exclude<PodEvent['kind'], 'crashed' | 'killed' | 'trouble'>;

/** One pod on its node, from its binding to its end. Every step that fails for a while is tried again. */
export class LocalPod {
  readonly ref: PodRef;
  readonly nodeName: string;
  readonly #options: PodRunnerOptions;
  readonly #api: KubeletApi;
  readonly #addresses: Addresses;
  readonly #boundAt = Date.now();
  readonly #startedAt = new Date().toISOString();
  readonly #podIP: string;
  readonly #over = new AbortController();
  #pod: V1Pod;
  #container: WorkerContainer | undefined;
  #token: PodToken | undefined;
  #ending: Promise<void> | undefined;
  #conditions: V1PodCondition[] = [];
  #published = '';
  #isPublishing = false;
  #mustPublish = false;
  #wasReady = false;

  constructor(pod: V1Pod, ref: PodRef, api: KubeletApi, addresses: Addresses, options: PodRunnerOptions) {
    this.#pod = pod;
    this.ref = ref;
    this.nodeName = pod.spec?.nodeName ?? '';
    this.#api = api;
    this.#addresses = addresses;
    this.#options = options;
    this.#podIP = addresses.take();
  }

  /** Starts the pod's model server and worker. `before`: an earlier pod of the same name that has to end first. */
  async start(before: Promise<void> | undefined): Promise<void> {
    this.#say('bound');
    await before;
    await this.#persist(() => this.#addServer());
    const { serviceAccountName = 'default' } = this.#pod.spec ?? {};
    const token = new PodToken(this.#api, this.ref, serviceAccountName, this.#options.stateDir);
    this.#token = token;
    await this.#persist(() => token.mount());
    if (this.#over.signal.aborted) return this.#tidy();
    this.#container = this.#makeContainer(token.kubeconfigPath);
    await this.#persist(() => this.#container?.start() ?? Promise.resolve());
    this.#say('running');
  }

  /** The object as it is now: a gate may have changed, or it may have been asked to go. */
  update(pod: V1Pod): void {
    this.#pod = pod;
    if (pod.metadata?.deletionTimestamp) void this.terminate();
    else this.#publish();
  }

  /** Drains and ends as a kubelet does: SIGTERM, grace, SIGKILL, and the object goes. */
  terminate(): Promise<void> {
    this.#ending ??= (async () => {
      this.#say('terminating');
      this.#over.abort();
      const { deletionGracePeriodSeconds } = this.#pod.metadata ?? {};
      const grace =
        deletionGracePeriodSeconds ?? this.#pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
      await this.#container?.stop(grace * 1000);
      await this.#tidy();
      await this.#untilDone(() => this.#api.remove(this.ref));
      this.#say('ended');
    })();
    return this.#ending;
  }

  /** The node is gone, or the object is: nothing is drained and nothing is reported. */
  async kill(reason: string): Promise<void> {
    if (!this.#over.signal.aborted) {
      this.#emit({ kind: 'killed', pod: this.ref.name, at: Date.now(), reason });
    }
    this.#over.abort();
    await this.#container?.stop(0);
    await this.#tidy();
  }

  /** The models' volume: its claim outlives the pod of a persistent pool. */
  get #disk(): string {
    return join(this.#options.stateDir, DISKS, this.ref.name);
  }

  /** Kills the worker's process; false when none runs. */
  crash(): boolean {
    return this.#container?.crash() ?? false;
  }

  #addServer(): Promise<void> {
    const { loadSeconds, ...rates } = this.#options.serving(this.#pod);
    const env = this.#containerEnv();
    const sidecar = ollamaContainerOf(this.#pod);
    return this.#options.modelServers.add({
      pod: this.ref.name,
      host: this.#podIP,
      port: OLLAMA_PORT,
      models: this.#options.emptyDisks ? [] : (env.PADDOCK_MODELS ?? '').split(',').filter(Boolean),
      slots: Number(env.PADDOCK_SLOTS ?? 1),
      disk: this.#disk,
      ...optionalVersion(sidecar?.image),
      loadableAt: this.#boundAt + loadSeconds * 1000,
      ...(sidecar && { environment: containerEnvironment(this.#pod, sidecar, this.#podIP) }),
      ...rates,
    });
  }

  #containerEnv(): Record<string, string> {
    return containerEnvironment(this.#pod, workerContainerOf(this.#pod), this.#podIP);
  }

  #makeContainer(kubeconfigPath: string): WorkerContainer {
    const {
      workerBundlePath,
      supervisor,
      logDir,
      env,
      probePeriodMs,
      crashBackoffMs = 10_000,
    } = this.#options;
    const probe = { host: this.#podIP, ...probeSettings(workerContainerOf(this.#pod)) };
    return new WorkerContainer({
      name: this.ref.name,
      bundlePath: workerBundlePath,
      supervisor,
      logDir,
      env: {
        // The workers of all pods share what was compiled once: a third less time to start and 20 MB less memory.
        NODE_COMPILE_CACHE: join(this.#options.stateDir, 'compile-cache'),
        ...this.#containerEnv(),
        ...env(this.#pod),
        KUBECONFIG: kubeconfigPath,
        // In a pod both share one network of their own; here each pod has an address of its own instead.
        OLLAMA_HOST: `http://${this.#podIP}:${OLLAMA_PORT}`,
        PADDOCK_LISTEN_HOST: this.#podIP,
        PADDOCK_MODELS_DIR: this.#disk,
      },
      probe: probePeriodMs === undefined ? probe : { ...probe, periodMs: probePeriodMs },
      backoffMs: crashBackoffMs,
      onChange: () => this.#publish(),
      onCrash: (restarts, reason) =>
        this.#emit({ kind: 'crashed', pod: this.ref.name, at: Date.now(), restarts, reason }),
    });
  }

  async #tidy(): Promise<void> {
    this.#token?.unmount();
    await this.#options.modelServers.remove(this.ref.name).catch(() => {});
    const keepsDisk = this.#pod.spec?.volumes?.some((volume) => volume.persistentVolumeClaim);
    if (!keepsDisk) await rm(this.#disk, { recursive: true, force: true });
    this.#addresses.giveBack(this.#podIP);
  }

  /** Reports the status if it differs from what was reported last; one report at a time, the latest wins. */
  #publish(): void {
    this.#mustPublish = true;
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    void (async () => {
      while (this.#mustPublish) {
        this.#mustPublish = false;
        await this.#report();
      }
      this.#isPublishing = false;
    })();
  }

  async #report(): Promise<void> {
    if (!this.#container) return;
    const now = new Date().toISOString();
    const facts = { podIP: this.#podIP, startedAt: this.#startedAt, ...this.#container.facts };
    const status = podStatus(this.#pod, facts, this.#conditions, now);
    const text = JSON.stringify(status);
    if (text === this.#published) return;
    try {
      await this.#api.setStatus(this.ref, status);
      this.#published = text;
      this.#conditions = status.conditions ?? [];
      const isReady = this.#conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
      if (isReady !== this.#wasReady) this.#say(isReady ? 'ready' : 'unready');
      this.#wasReady = isReady;
    } catch (error) {
      if (error instanceof NotFoundError) return;
      this.#trouble(error);
      await pause();
      this.#mustPublish = true;
    }
  }

  /** Until it succeeds or the pod is over. */
  async #persist(step: () => Promise<void>): Promise<void> {
    while (!this.#over.signal.aborted) {
      try {
        return await step();
      } catch (error) {
        this.#trouble(error);
        await pause();
      }
    }
  }

  async #untilDone(step: () => Promise<void>): Promise<void> {
    for (let tries = 0; tries < 240; tries += 1) {
      try {
        return await step();
      } catch (error) {
        this.#trouble(error);
        await pause();
      }
    }
  }

  #trouble(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#emit({ kind: 'trouble', pod: this.ref.name, at: Date.now(), reason });
  }

  #say(kind: Kind): void {
    this.#emit({ kind, pod: this.ref.name, at: Date.now() });
  }

  #emit(event: PodEvent): void {
    this.#options.onEvent?.(event);
  }
}

const optionalVersion = (image: string | undefined): { version?: string } => {
  const version = versionOfImage(image);
  return version === undefined ? {} : { version };
};

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());

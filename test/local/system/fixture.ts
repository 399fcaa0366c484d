import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppsV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import type { PlanRecord } from '../../../adapters/aws/fleet-state.ts';
import { ANNOTATION, LABEL, NAMESPACE, nodegroupName, resultKey } from '../../../core/protocol/names.ts';
import { requestResultSchema } from '../../../core/protocol/request.ts';
import type { PaddockConfig } from '../../../infra/config/index.ts';
import { defaultCacheDir } from '../../../local/build/artifacts.ts';
import type { RequestEvent } from '../../../local/front/front.ts';
import { DEFAULT_DECODE_RATE, type ServerEvent } from '../../../local/model-server/types.ts';
import { Supervisor } from '../../../local/processes.ts';
import { silentProgress } from '../../../local/progress.ts';
import { announce } from '../../../local/session.ts';
import type { Execution } from '../../../local/step-functions/engine.ts';
import { provisionTriggers } from '../../../local/system/provision.ts';
import { type SystemOptions, startSystem } from '../../../local/system/start.ts';
import type { LocalSystem } from '../../../local/system/system.ts';
import { PATIENCE_SECONDS } from '../../patience.ts';
import { config, FLEET, MODEL, POOL, SERVICE_SECONDS } from './config.ts';

/** A call that changes capacity, as Auto Scaling saw it. */
export type CapacityCall =
  | { kind: 'set'; desired: number; ok: boolean }
  | { kind: 'terminate'; instanceId: string; ok: boolean };

/** Everything that can be seen of the system from outside, kept in the order in which it happened. */
export interface Seen {
  capacity: CapacityCall[];
  /** Each change of the replicas that the workload asks for. */
  desired: number[];
  plans: PlanRecord[];
  models: ServerEvent[];
  /** Id of a request: how often its result was written. */
  writes: Map<string, number>;
  /** Id of a request: how often a worker began with it. */
  looks: Map<string, number>;
}

export interface TestSystemOptions extends Pick<SystemOptions, 'awsDelays' | 'ollama'> {
  /** Of each request at synthetic model servers; `by-request`: as `submit` says. */
  serviceSeconds?: number | 'by-request';
}

/** One local system in this process, watched from outside. No trigger wakes it until `addTriggers`. */
export class TestSystem {
  readonly system: LocalSystem;
  readonly seen: Seen = {
    capacity: [],
    desired: [],
    plans: [],
    models: [],
    writes: new Map(),
    looks: new Map(),
  };
  readonly submitted: string[] = [];
  /** Requests whose worker was crashed on purpose: the only ones that may be cut off. */
  readonly crashed = new Set<string>();
  readonly #stateDir: string;
  readonly #supervisor: Supervisor;
  readonly #listeners = new Set<() => void>();
  readonly #undo: (() => void)[] = [];

  private constructor(system: LocalSystem, stateDir: string, supervisor: Supervisor) {
    this.system = system;
    this.#stateDir = stateDir;
    this.#supervisor = supervisor;
    this.seen.desired.push(system.watch.desired);
    this.#undo.push(
      system.front.onRequest((event) => this.#onRequest(event)),
      system.models.onEvent((event) => {
        this.seen.models.push(event);
        this.#changed();
      }),
      system.watch.onChange(() => {
        if (system.watch.desired !== this.seen.desired.at(-1)) this.seen.desired.push(system.watch.desired);
        this.#changed();
      }),
    );
  }

  static async start(
    of: PaddockConfig = config(),
    { serviceSeconds = SERVICE_SECONDS, awsDelays, ollama }: TestSystemOptions = {},
  ): Promise<TestSystem> {
    const stateDir = mkdtempSync(join(tmpdir(), 'paddock-system-'));
    const supervisor = new Supervisor({ stateDir });
    const system = await startSystem({
      config: of,
      stateDir,
      cacheDir: defaultCacheDir(),
      triggers: { schedule: false, alarm: false },
      bootSeconds: 0.5,
      loadSeconds: 1,
      ...(serviceSeconds !== 'by-request' && { serviceSeconds }),
      ...(awsDelays && { awsDelays }),
      counterLagSeconds: 0,
      recordCalls: true,
      supervisor,
      progress: silentProgress(),
      ...(ollama && { ollama }),
    });
    return new TestSystem(system, stateDir, supervisor);
  }

  async stop(): Promise<void> {
    for (const undo of this.#undo) undo();
    await this.system.stop();
    await this.#supervisor.stopAll();
    rmSync(this.#stateDir, { recursive: true, force: true });
  }

  /** Lets commands find it; what they take as `--state-dir`. */
  announced(): string {
    announce(this.#stateDir, this.system);
    return this.#stateDir;
  }

  addTriggers(): Promise<void> {
    const { app, emulators } = this.system;
    return provisionTriggers(app, emulators, { schedule: true, alarm: true });
  }

  /**
   * Sends that many requests to the queue; their ids.
   * @param seconds that a model server takes for each, in a system whose requests say so
   */
  async submit(count: number, seconds?: number): Promise<string[]> {
    const ids = Array.from({ length: count }, (_, index) => `r${this.submitted.length + index}`);
    this.submitted.push(...ids);
    await Promise.all(
      ids.map((id) =>
        this.system.client.send({
          v: 1,
          id,
          fleet: FLEET,
          path: '/api/generate',
          body: {
            model: MODEL,
            prompt: 'Explain quantum computing in one sentence.',
            // A real model would go on for long.
            options: { num_predict: seconds === undefined ? 8 : Math.round(seconds * DEFAULT_DECODE_RATE) },
          },
          submittedAt: Date.now(),
        }),
      ),
    );
    return ids;
  }

  /** Addresses of the replicas that serve. */
  async replicas(): Promise<string[]> {
    const { items } = await this.core.listNamespacedPod({ namespace: NAMESPACE, labelSelector: LABEL.pool });
    return items
      .filter(({ metadata, status }) => {
        const isReady = status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True');
        return isReady && metadata?.deletionTimestamp === undefined;
      })
      .map(({ status }) => status?.podIP ?? '');
  }

  /** Images that the workload's pods shall run in place of the model server. */
  async images(): Promise<string[]> {
    const { items } = await this.#apps.listNamespacedDeployment({
      namespace: NAMESPACE,
      labelSelector: LABEL.pool,
    });
    return items.flatMap(({ spec }) =>
      (spec?.template.spec?.initContainers ?? []).flatMap(({ name, image }) =>
        name === 'ollama' && image ? [image] : [],
      ),
    );
  }

  /** Marks of upgrades on the pools' workloads. */
  async upgradeMarks(): Promise<string[]> {
    const { items } = await this.#apps.listNamespacedDeployment({ namespace: NAMESPACE });
    return items.flatMap(({ metadata }) => metadata?.annotations?.[ANNOTATION.upgrade] ?? []);
  }

  get #config(): KubeConfig {
    const config = new KubeConfig();
    config.loadFromFile(this.system.cluster.kubeconfigPath);
    return config;
  }

  get core(): CoreV1Api {
    return this.#config.makeApiClient(CoreV1Api);
  }

  get #apps(): AppsV1Api {
    return this.#config.makeApiClient(AppsV1Api);
  }

  isWritten(id: string): boolean {
    return this.seen.writes.has(id);
  }

  /** Requests that a model server had to break off although nobody crashed their worker. */
  cutOffs(): ServerEvent[] {
    return this.seen.models.filter(
      ({ kind, requestId }) => kind === 'cut-off' && !this.crashed.has(requestId),
    );
  }

  /** Resolves when every one of them has a result. */
  async whenAnswered(ids: readonly string[], seconds?: number): Promise<void> {
    await this.until(`${ids.length} answers`, () => ids.every((id) => this.isWritten(id)), seconds);
  }

  isEmpty(queueName: string): boolean {
    return Object.values(this.system.front.queueCounts(queueName) ?? {}).every((count) => count === 0);
  }

  /** Also of what is in service or was hidden for a while: a message comes back after half a minute at most. */
  whenQueueIsEmpty(): Promise<unknown> {
    return this.until('an empty queue', () => this.isEmpty(this.system.queueName));
  }

  /** What a client reads, for each request: `completed`, `failed`, or undefined when there is no result. */
  async statuses(ids: readonly string[]): Promise<(string | undefined)[]> {
    return Promise.all(
      ids.map(async (id) => {
        const body = await this.system.client.result(resultKey(FLEET, id));
        return body === undefined ? undefined : requestResultSchema.parse(body).status;
      }),
    );
  }

  /**
   * Starts an execution of the scale machine that goes on with the loop of another.
   *
   * @param ageSeconds how long it believes to have run already
   * @param after that other execution
   */
  scale({ ageSeconds, after }: { ageSeconds: number; after: string }): Execution {
    const { engine } = this.system;
    return engine.start(
      this.#scaleMachine,
      crypto.randomUUID(),
      JSON.stringify({ fleet: FLEET, trigger: 'manual', loop: { after, failedTicks: 0, waitSeconds: 0 } }),
      Date.now() - ageSeconds * 1000,
    );
  }

  executions(): Execution[] {
    return this.system.engine.executions(this.#scaleMachine);
  }

  get #scaleMachine(): string {
    const machine = this.system.engine.machines.find(({ type }) => type === 'EXPRESS');
    if (!machine) throw new Error('The templates have no Express machine.');
    return machine.arn;
  }

  get group() {
    const name = nodegroupName(this.system.config.cluster.name, FLEET, POOL);
    return this.system.emulators.autoscaling.group(name);
  }

  get pool() {
    const pool = this.system.watch.pools()[POOL];
    if (!pool) throw new Error(`The pool ${POOL} has no workload.`);
    return pool;
  }

  /** As many replicas as there shall be are warm, each has its node, and nothing is on its way. */
  isSettledAt(replicas: number): boolean {
    const { desired, warm } = this.pool;
    return (
      desired === replicas &&
      warm === replicas &&
      this.system.watch.pods === replicas &&
      this.group.desiredCapacity === replicas
    );
  }

  whenSettledAt(replicas: number, seconds?: number): Promise<unknown> {
    return this.until(`${replicas} replicas and as many nodes`, () => this.isSettledAt(replicas), seconds);
  }

  /** Plans stored from now on; the next that fits. */
  nextPlan(what: string, fits: (record: PlanRecord) => boolean, seconds?: number): Promise<PlanRecord> {
    const from = this.seen.plans.length;
    return this.until(`a plan: ${what}`, () => this.seen.plans.slice(from).find(fits), seconds);
  }

  /**
   * Resolves with the first value of `probe` that is neither undefined nor false; asked at every event that is seen.
   *
   * @throws Error with the state of the system after `seconds`
   */
  async until<T>(what: string, probe: () => T | undefined | false, seconds = PATIENCE_SECONDS): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        clearInterval(again);
        this.#listeners.delete(check);
      };
      const check = (): void => {
        const value = probe();
        if (value === undefined || value === false) return;
        end();
        resolve(value);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`waited ${seconds} s for ${what}\n${this.#describe()}`));
      }, seconds * 1000);
      // Some conditions depend on the time alone.
      const again = setInterval(() => check(), 250);
      this.#listeners.add(check);
      check();
    });
  }

  #onRequest(event: RequestEvent): void {
    const { operation, service, status, input, resource } = event;
    const ok = status === 200;
    if (operation === 'SetDesiredCapacity') {
      this.seen.capacity.push({ kind: 'set', desired: Number(input?.DesiredCapacity), ok });
    }
    if (operation === 'TerminateInstanceInAutoScalingGroup') {
      this.seen.capacity.push({ kind: 'terminate', instanceId: String(input?.InstanceId), ok });
    }
    const id =
      service === 's3' && new RegExp(`results/${FLEET}/([^/]+)\\.json$`).exec(resource?.[0] ?? '')?.[1];
    if (id && operation === 'PutObject' && ok) count(this.seen.writes, id);
    if (id && operation === 'HeadObject') count(this.seen.looks, id);
    if (ok && writtenItem(event)?.startsWith('plan#')) void this.#readPlans();
    this.#changed();
  }

  async #readPlans(): Promise<void> {
    const known = new Set(this.seen.plans.map(({ plan }) => plan.at));
    const recent = await this.system.recentPlans(5).catch(() => []);
    const added = recent.filter(({ plan }) => !known.has(plan.at)).reverse();
    this.seen.plans.push(
      ...added.filter(({ plan }) => !this.seen.plans.some((one) => one.plan.at === plan.at)),
    );
    this.#changed();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #describe(): string {
    const { watch, front, queueName, troubles } = this.system;
    const plans = this.seen.plans.slice(-4).map(({ plan, failures, results }) => {
      const commands = plan.commands.map(({ kind }, index) => `${kind}: ${results[index]?.status}`);
      return `  ${new Date(plan.at * 1000).toISOString()} ${plan.summary}, wanted ${plan.wanted} [${commands}] ${failures}`;
    });
    return [
      `pools ${JSON.stringify(watch.pools())}, ${watch.pods} pods, ${this.group.desiredCapacity} nodes desired`,
      `queue ${JSON.stringify(front.queueCounts(queueName))}`,
      `unanswered ${this.submitted.filter((id) => !this.isWritten(id)).join(' ')}`,
      `executions ${JSON.stringify(
        this.executions()
          .slice(0, 3)
          .map(({ status, cause, output }) => ({ status, cause, output })),
      )}`,
      `troubles ${troubles.slice(-5).join('\n  ')}`,
      'last plans:',
      ...plans,
    ].join('\n');
  }
}

const count = (counts: Map<string, number>, id: string): void =>
  void counts.set(id, (counts.get(id) ?? 0) + 1);

/** Sort key of the item that a request puts into the table. */
export function writtenItem({ service, operation, input }: RequestEvent): string | undefined {
  if (service !== 'dynamodb' || operation !== 'PutItem') return undefined;
  return (input?.Item as { sk?: { S?: string } } | undefined)?.sk?.S;
}

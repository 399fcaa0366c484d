import { setTimeout as delay } from 'node:timers/promises';
import { resultKey } from '../../core/protocol/names.ts';
import { type QueuedRequest, requestResultSchema } from '../../core/protocol/request.ts';
import { quantile, roundTo } from '../../core/statistics.ts';
import type { LocalSystem } from '../system/system.ts';
import type { Arrival } from './load.ts';
import { Recorder, type ScenarioResult } from './recorder.ts';
import { scenarioRequest } from './request.ts';
import type { Scenario, ScenarioContext } from './scenarios.ts';

/** How a scenario's requests come into the queue. */
export type Via = 'queue' | 'gateway';

/** A result whose announcement was missed is found by looking again, at the oldest: all of a long queue would be hundreds. */
const LOOK_AGAIN_MS = 5_000;
const LOOKED_AT = 20;
/** How often it is looked whether the control plane still ticks. */
const LOOK_AT_LOOP_MS = 500;
/** How often the instances that are billed are counted. */
const SAMPLE_MS = 500;
/** A fleet that was woken has ticked less often by the time that it has answered. */
const PLANS_OF_A_WAKE = 200;
/** From the last submission, after which an unanswered request counts as lost. */
const PATIENCE_MS = 15 * 60_000;

/** Plays one scenario against the running system and measures it from outside. */
export class Play {
  readonly recorder: Recorder;
  readonly #system: LocalSystem;
  readonly #scenario: Scenario;
  readonly #via: Via;
  readonly #stop = new AbortController();
  readonly #undo: (() => void)[] = [];
  #say: (line: string) => void = () => undefined;
  #nextNumber = 0;

  /** @throws Error when the configuration has no gateway to go by */
  constructor(system: LocalSystem, scenario: Scenario, via: Via = 'queue') {
    this.#system = system;
    this.#scenario = scenario;
    this.#via = via;
    if (via === 'gateway' && !system.gateway)
      throw new Error('The configuration has no gateway: set gateway.enabled, or leave --via out.');
    this.recorder = new Recorder(system.policy.pools, system.models.kind === 'synthetic');
  }

  /** Ends the load early; `run` rejects. */
  abort(): void {
    this.#stop.abort(new Error('The scenario was ended before it was done.'));
  }

  /** Waits for the minimum replicas to be warm, then plays the load to its end. */
  async run(options: {
    times?: number;
    phaseSeconds: number;
    say: (line: string) => void;
  }): Promise<ScenarioResult> {
    this.#say = options.say;
    this.#listen();
    try {
      await this.#whenWarm();
      await delay(options.phaseSeconds * 1000, undefined, { signal: this.#stop.signal });
      this.#say('');
      const startedAt = Date.now();
      this.#system.lambda.resetStats();
      this.recorder.start(startedAt, this.#system.watch.desired, this.#system.billedNodes());
      await this.#scenario.run(this.#context(options.times));
      await this.#whenAllAnswered();
      return this.recorder.result({ scenario: this.#scenario.name, at: Date.now(), ticks: this.#ticks() });
    } finally {
      for (const undo of this.#undo) undo();
    }
  }

  #context(times: number | undefined): ScenarioContext {
    const { watch, models, pods, policy, router } = this.#system;
    return {
      pods: () => watch.livePods,
      onPods: (listener) => watch.onChange(listener),
      untilPods: (condition) => watch.until(condition, this.#stop.signal),
      replacePods: () => watch.deletePods(),
      deletePod: (name) => watch.deletePod(name),
      leaveNoRoom: (node) => pods.leaveNoRoom(node),
      restartModelServer: async (pod, loadSeconds) => models.restart?.(pod, loadSeconds),
      routers: () => router.urls,
      model: this.#model,
      replicas: policy.minReplicas,
      recorder: this.recorder,
      signal: this.#stop.signal,
      times: times ?? this.#scenario.defaults.times ?? 1,
      faults: this.#system.faults,
      spotPools: this.#system.policy.pools
        .filter(({ capacityType }) => capacityType === 'spot')
        .map(({ name }) => name),
      say: this.#say,
      submit: (arrival) => this.#submit(arrival),
      whenReadable: (id) => this.#untilAborted(this.recorder.whenReadable(id)),
      whenAllAnswered: () => this.#whenAllAnswered(),
      whenAsleep: () => this.#whenAsleep(),
      noteWake: (submittedAt) => this.#noteWake(submittedAt),
    };
  }

  async #whenWarm(): Promise<void> {
    const { minReplicas } = this.#system.policy;
    this.#say(`waiting for ${minReplicas} warm ${minReplicas === 1 ? 'replica' : 'replicas'}`);
    const warm = (): number =>
      Object.values(this.#system.watch.pools()).reduce((sum, pool) => sum + pool.warm, 0);
    await this.#system.watch.until(() => warm() >= minReplicas, this.#stop.signal);
  }

  /** What the clients, the model servers and an operator's kubectl see. */
  #listen(): void {
    const { front, models, watch } = this.#system;
    const pattern = new RegExp(`results/${this.#system.policy.fleet}/([^/]+)\\.json$`);
    this.#undo.push(
      front.onRequest((event) => {
        if (event.operation !== 'PutObject' || event.status !== 200) return;
        const id = pattern.exec(event.resource?.[0] ?? '')?.[1];
        if (id === undefined) return;
        this.recorder.written(id);
        void this.#fetch(id);
      }),
      models.onEvent((event) => {
        if (event.kind === 'started') this.recorder.started(event.requestId, event.at);
        if (event.kind === 'cut-off') this.recorder.cutOff(event.requestId);
        if (event.kind === 'cold') this.recorder.cold();
      }),
      watch.onChange(() => {
        this.recorder.desiredReplicas(watch.desired, Date.now());
        for (const { uid, isReady } of watch.livePods) if (isReady) this.recorder.podWarm(uid);
      }),
    );
    const again = setInterval(() => {
      for (const id of this.recorder.outstanding.slice(0, LOOKED_AT)) void this.#fetch(id);
    }, LOOK_AGAIN_MS);
    const sample = setInterval(() => {
      this.recorder.runningNodes(this.#system.billedNodes(), Date.now());
      this.recorder.waiting((front.queueCounts(this.#system.queueName)?.visible ?? 0) > 0, Date.now());
    }, SAMPLE_MS);
    this.#undo.push(
      () => clearInterval(again),
      () => clearInterval(sample),
    );
  }

  get #model(): string {
    return this.#system.config.fleets[0]?.models[0] ?? '';
  }

  async #submit(arrival: Omit<Arrival, 'offsetSeconds'>): Promise<string> {
    const { fleet } = this.#system.policy;
    const model = this.#model;
    const submittedAt = Date.now();
    const request = scenarioRequest(this.#nextNumber++, { ...arrival, fleet, model, submittedAt });
    if (this.#via === 'gateway') return await this.#submitToGateway(request);
    this.recorder.submitted(request.id, submittedAt);
    await this.#system.client.send(request);
    return request.id;
  }

  /** As an application does; the gateway makes the id. */
  async #submitToGateway({ path, body, submittedAt }: QueuedRequest): Promise<string> {
    const { url = '', apiKey = '' } = this.#system.gateway ?? {};
    const reply = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: this.#stop.signal,
    });
    const text = await reply.text();
    if (reply.status !== 202) throw new Error(`The gateway answered ${reply.status}: ${text}`);
    const { id } = JSON.parse(text) as { id: string };
    this.recorder.submitted(id, submittedAt);
    void this.#fetch(id);
    return id;
  }

  /** The first execution of the scale machine since then, and its first tick. */
  async #noteWake(submittedAt: number): Promise<void> {
    const { engine, scaleMachine } = this.#system;
    const execution = engine.executions(scaleMachine).findLast(({ startedAt }) => startedAt >= submittedAt);
    const plans = await this.#system.recentPlans(PLANS_OF_A_WAKE);
    const first = plans.findLast(({ plan }) => plan.at * 1000 >= submittedAt);
    if (!execution || !first) return;
    this.recorder.woken({
      trigger: first.trigger,
      executionSeconds: (execution.startedAt - submittedAt) / 1000,
      tickSeconds: first.plan.at - submittedAt / 1000,
    });
  }

  /** Reads the result as a client does: only what can be read and understood counts as answered. */
  async #fetch(id: string): Promise<void> {
    if (this.recorder.isReadable(id)) return;
    const body = await this.#system.client
      .result(resultKey(this.#system.policy.fleet, id))
      .catch(() => undefined);
    const { data: result } = requestResultSchema.safeParse(body);
    if (result) this.recorder.readable(id, Date.now(), result);
  }

  /** No replica, and nothing that ticks on: only a trigger can wake the fleet. */
  async #whenAsleep(): Promise<void> {
    const { watch } = this.#system;
    const { signal } = this.#stop;
    const isEmpty = (): boolean => watch.desired === 0 && watch.pods === 0;
    await watch.until(isEmpty, signal);
    while (!isEmpty() || this.#system.isTicking()) await delay(LOOK_AT_LOOP_MS, undefined, { signal });
  }

  async #whenAllAnswered(): Promise<void> {
    const patience = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(PATIENCE_MS)]);
    while (this.recorder.outstanding.length > 0 && !patience.aborted) {
      const [id] = this.recorder.outstanding;
      const look = delay(LOOK_AGAIN_MS, undefined, { signal: patience }).catch(() => undefined);
      await Promise.race([this.recorder.whenReadable(id as string), look]);
    }
    this.#stop.signal.throwIfAborted();
  }

  #untilAborted<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#stop;
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    return Promise.race([promise, aborted]);
  }

  #ticks(): ScenarioResult['ticks'] {
    const { durationsMs, errors } = this.#system.lambda.stats(this.#system.scalerName);
    const sorted = Float64Array.from(durationsMs).sort();
    const ms = (share: number): number => roundTo(quantile(sorted, share), 1);
    return { count: sorted.length, errors, p50Ms: ms(0.5), p99Ms: ms(0.99) };
  }
}

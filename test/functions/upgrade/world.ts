import { NotFoundError } from '../../../adapters/errors.ts';
import type { Runs } from '../../../adapters/kubernetes/rollout.ts';
import {
  kubernetesVersionParameter,
  modelParameter,
  ollamaImageParameter,
} from '../../../core/protocol/upgrade.ts';
import type { WarmFailure, Warmth } from '../../../core/protocol/warmup.ts';
import type { Answer } from '../../../core/upgrade/tally.ts';
import type { UpgradeDependencies } from '../../../functions/upgrade/dependencies.ts';
import { parseUpgradeEvent } from '../../../functions/upgrade/event.ts';
import type { Question } from '../../../functions/upgrade/probe.ts';
import type { StepResult } from '../../../functions/upgrade/result.ts';
import { step } from '../../../functions/upgrade/step.ts';
import { FakeFleetParameters, FakeNodeGroups } from '../../fakes/aws.ts';
import { FakeEks, FakeRollouts, FakeUpgradeState } from '../../fakes/upgrade.ts';
import { policy } from '../scaler/world.ts';

export const OLD_IMAGE = 'docker.io/ollama/ollama:0.17.4';
export const NEW_IMAGE = 'docker.io/ollama/ollama:0.18.0';
export const OLD_MODEL = 'llama3.1:8b';
const CLUSTER = 'test';
const FLEET = 'cpu';
const GOLDEN = ['a', 'b', 'c', 'd'].map((name) => ({ name, prompt: `Question ${name}?` }));

/** One fleet of two pools, a cluster and its parameters behind fakes; each look takes some seconds. */
export class UpgradeWorld {
  now = 1_800_000_000;
  readonly values = new Map<string, string>([
    [ollamaImageParameter(CLUSTER), OLD_IMAGE],
    [kubernetesVersionParameter(CLUSTER), '1.35'],
    [modelParameter(CLUSTER, FLEET, OLD_MODEL), OLD_MODEL],
  ]);
  readonly state = new FakeUpgradeState();
  readonly rollouts: FakeRollouts;
  readonly eks = new FakeEks(['test-cpu-main', 'test-cpu-spot', 'test-system']);
  readonly nodeGroups = new FakeNodeGroups();
  readonly suspended = new Set<string>(['eks-main', 'eks-spot', 'eks-system']);
  /** Executions under way. */
  readonly running = new Set<string>();
  /** What a replica that runs this answers; undefined: well. */
  answer: (image: string, question: Question) => Partial<Answer> | undefined = () => undefined;
  /** What stands against warming a replica that runs these; undefined: nothing. */
  coldness: (runs: Runs) => WarmFailure | undefined = () => undefined;
  readonly deps: UpgradeDependencies;

  constructor() {
    const pools = policy().pools.flatMap((pool) => [
      { ...pool, name: 'main', max: 4 },
      { ...pool, name: 'spot', capacityType: 'spot' as const, max: 4 },
    ]);
    const parameters = new FakeFleetParameters();
    parameters.fleets.set(FLEET, { policy: policy({ pools }), clusterName: CLUSTER, queueUrl: 'q' });
    this.nodeGroups.groups.set(
      CLUSTER,
      ['main', 'spot', 'system'].map((name) => ({
        nodegroup: name === 'system' ? 'test-system' : `test-cpu-${name}`,
        autoScalingGroupName: `eks-${name}`,
        ...{ desired: 1, min: 0, max: 4, instances: [] },
      })),
    );
    const runs = { image: OLD_IMAGE, models: [OLD_MODEL] };
    this.rollouts = new FakeRollouts(FLEET, () => this.now, { main: 2, spot: 1 }, runs);
    this.deps = {
      config: {
        ...{ cluster: CLUSTER, table: 'table', parameterPrefix: '/paddock/test/fleets/' },
        fleets: [{ name: FLEET, models: [OLD_MODEL] }],
        ...{ soakSeconds: 20, bakeSeconds: 30, checkSeconds: 20, golden: GOLDEN, usedApis: ['apps/v1'] },
      },
      state: this.state,
      executions: { isRunning: async (arn) => this.running.has(arn) },
      parameters,
      values: {
        read: async (name) => {
          const value = this.values.get(name);
          if (value === undefined) throw new NotFoundError(`no parameter ${name}`, 'ParameterNotFound');
          return value;
        },
      },
      nodeGroups: this.nodeGroups,
      rollouts: this.rollouts,
      eks: this.eks,
      ask: async (ip, question) => this.#ask(ip, question),
      askWarmth: async (ip) => this.#warmth(ip),
      now: () => {
        this.now += 1;
        return this.now;
      },
      log: { info: () => {}, warn: () => {}, error: () => {} },
    };
  }

  /** Before each step: whoever follows an execution has a look meanwhile. */
  pace: () => Promise<void> = async () => {};

  /** What the function would answer to the state machine. */
  async invoke(payload: unknown): Promise<StepResult> {
    await this.pace();
    this.now += 5;
    return JSON.parse(JSON.stringify(await step(parseUpgradeEvent(payload), this.deps)));
  }

  /** What the replicas run, by pool. */
  runs(): string[] {
    return this.rollouts.pods
      .map(({ pool, image, models }) => `${pool} ${image.split(':').at(-1)} ${models}`)
      .sort();
  }

  /** What an upgrade must not leave behind. */
  leftovers(): string[] {
    const { workloads, canaries } = this.rollouts;
    return [
      ...workloads.filter(({ mark }) => mark).map(({ name }) => `mark on ${name}`),
      ...Object.entries(canaries)
        .filter(([, { replicas }]) => replicas > 0)
        .map(([pool]) => `canary of ${pool}`),
      ...(this.state.current ? ['the lock'] : []),
      ...['eks-main', 'eks-spot', 'eks-system']
        .filter((name) => !this.suspended.has(name))
        .map((name) => `AZRebalance of ${name}`),
    ];
  }

  #warmth(ip: string): Warmth | undefined {
    const pod = this.rollouts.pods.find((one) => one.ip === ip);
    const failure = pod && this.coldness(pod);
    if (!pod || !failure) return undefined;
    const models = pod.models.map((model) => ({ model, phase: 'failed' as const, seconds: {}, failure }));
    return {
      ...{ v: 1, podUid: pod.uid, workerId: 'w', state: 'loading', models },
      ...{ failures: 1, startedAt: this.now, warmAt: 0 },
    };
  }

  #ask(ip: string, question: Question): Answer {
    const pod = this.rollouts.pods.find((one) => one.ip === ip);
    const good = { prompt: question.name, ok: true, text: 'all the same words', seconds: 1, tokens: 10 };
    return { ...good, ...this.answer(pod?.image ?? '', question) };
  }
}

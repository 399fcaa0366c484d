import type { EksUpgrades, UpdateState } from '../../adapters/aws/eks-upgrades.ts';
import type { EndedUpgrade, RunningUpgrade, UpgradeState } from '../../adapters/aws/upgrade-state.ts';
import { ConflictError, NotFoundError } from '../../adapters/errors.ts';
import type {
  FleetRollout,
  RolloutPod,
  Rollouts,
  RolloutWorkload,
  Runs,
} from '../../adapters/kubernetes/rollout.ts';
import type { UpgradeMark } from '../../core/protocol/upgrade.ts';
import type { AddonState, ClusterState, Insight, NodegroupState } from '../../core/upgrade/inventory.ts';

export class FakeUpgradeState implements UpgradeState {
  current: RunningUpgrade | undefined;
  readonly ended = new Map<number, EndedUpgrade>();
  onNote: (progress: Partial<RunningUpgrade>) => void = () => {};

  async running(): Promise<RunningUpgrade | undefined> {
    return this.current && { ...this.current };
  }

  async take(upgrade: RunningUpgrade, ended = upgrade.holder): Promise<void> {
    if (this.current && ![upgrade.holder, ended].includes(this.current.holder))
      throw new ConflictError('held', 'ConditionalCheckFailedException');
    this.current = { ...upgrade };
  }

  async note(holder: string, progress: Partial<RunningUpgrade>): Promise<boolean> {
    if (this.current?.holder !== holder)
      throw new ConflictError('not the holder', 'ConditionalCheckFailedException');
    this.onNote(progress);
    Object.assign(this.current, progress);
    return this.current.abort === true;
  }

  async askToGoBack(): Promise<void> {
    if (!this.current) throw new NotFoundError('no upgrade runs', 'NotFound');
    this.current.abort = true;
  }

  async end(upgrade: EndedUpgrade): Promise<void> {
    this.ended.set(upgrade.startedAt, upgrade);
    if (this.current?.holder === upgrade.holder) this.current = undefined;
  }

  async history(limit: number): Promise<EndedUpgrade[]> {
    return [...this.ended.values()].toSorted((a, b) => b.startedAt - a.startedAt).slice(0, limit);
  }
}

/** One fleet whose controllers make one step each time someone looks. */
export class FakeRollouts implements Rollouts {
  readonly workloads: RolloutWorkload[];
  readonly canaries: Record<string, Runs & { replicas: number }> = {};
  #pods: RolloutPod[] = [];
  #made = 0;
  readonly #fleet: string;
  readonly #now: () => number;
  /** New pods never become ready, if they run this. */
  broken: ((runs: Runs) => boolean) | undefined;
  /** What the kubelet says of new pods that run this. */
  waiting: ((runs: Runs) => RolloutPod['waiting']) | undefined;

  constructor(fleet: string, now: () => number, pools: Record<string, number>, runs: Runs) {
    this.#fleet = fleet;
    this.#now = now;
    this.workloads = Object.entries(pools).map(([pool, replicas]) => ({
      ...structuredClone(runs),
      kind: 'Deployment',
      name: `${fleet}-${pool}`,
      pool,
      replicas,
    }));
    for (const pool of Object.keys(pools)) this.canaries[pool] = { ...structuredClone(runs), replicas: 0 };
    for (let i = 0; i < 20; i += 1) this.#advance();
  }

  get pods(): RolloutPod[] {
    return structuredClone(this.#pods);
  }

  async read(fleet: string): Promise<FleetRollout> {
    if (fleet !== this.#fleet) return { workloads: [], canaries: {}, pods: [] };
    this.#advance();
    const canaries = Object.entries(this.canaries).map(([pool, { replicas }]) => [pool, replicas] as const);
    return {
      workloads: structuredClone(this.workloads),
      canaries: Object.fromEntries(canaries),
      pods: this.pods,
    };
  }

  async budgets(): Promise<Record<string, number>> {
    return Object.fromEntries(this.workloads.map(({ pool }) => [pool, 1]));
  }

  async change({ name }: Pick<RolloutWorkload, 'kind' | 'name'>, runs: Partial<Runs>): Promise<void> {
    Object.assign(this.#workload(name), structuredClone(runs));
  }

  async mark({ name }: Pick<RolloutWorkload, 'kind' | 'name'>, mark: UpgradeMark | null): Promise<void> {
    this.#workload(name).mark = mark ?? undefined;
  }

  async setCanary(_fleet: string, pool: string, replicas: 0 | 1, runs?: Runs): Promise<void> {
    const canary = this.canaries[pool];
    if (!canary) throw new NotFoundError(`no canary of ${pool}`, '404');
    Object.assign(canary, { replicas, ...structuredClone(runs ?? {}) });
  }

  async removePod(name: string, uid: string): Promise<void> {
    this.#pods = this.#pods.filter((pod) => pod.name !== name || pod.uid !== uid);
  }

  #workload(name: string): RolloutWorkload {
    const found = this.workloads.find((one) => one.name === name);
    if (!found) throw new NotFoundError(`there is no workload ${name}`, '404');
    return found;
  }

  /** The scaler and the controllers: what was begun becomes ready, one pod of each workload goes or comes. */
  #advance(): void {
    for (const pod of this.#pods) {
      pod.waiting = this.waiting?.(pod);
      pod.isReady = !this.broken?.(pod) && !pod.waiting;
    }
    for (const workload of this.workloads) {
      const { pool, mark } = workload;
      if (mark && mark.until > this.#now()) workload.replicas = Math.max(workload.replicas, mark.replicas);
      this.#settle(pool, workload.replicas, workload, false);
      const canary = this.canaries[pool];
      if (canary) this.#settle(pool, canary.replicas, canary, true);
    }
  }

  #settle(pool: string, replicas: number, runs: Runs, isCanary: boolean): void {
    const own = this.#pods.filter((pod) => pod.pool === pool && pod.isCanary === isCanary);
    const isOld = (pod: RolloutPod) => pod.image !== runs.image || pod.models.join() !== runs.models.join();
    const unready = own.find((pod) => !pod.isReady);
    if (own.length < replicas) this.#make(pool, runs, isCanary);
    else if (own.length > replicas) this.#pods.splice(this.#pods.indexOf(own.at(-1) as RolloutPod), 1);
    else {
      const next = unready ? (isOld(unready) ? unready : undefined) : own.find(isOld);
      if (next) this.#pods.splice(this.#pods.indexOf(next), 1);
    }
  }

  #make(pool: string, { image, models }: Runs, isCanary: boolean): void {
    this.#made += 1;
    this.#pods.push({
      ...{
        name: `${pool}-${this.#made}`,
        uid: `uid-${this.#made}`,
        pool,
        isCanary,
        image,
        models: [...models],
      },
      ...{
        isReady: false,
        isTerminating: false,
        isDraining: false,
        createdAt: this.#now(),
        boundAt: this.#now(),
      },
      ...{ ip: `127.0.0.${this.#made % 250}`, restarts: 0 },
    });
  }
}

/** A cluster whose updates take one look to end. */
export class FakeEks implements EksUpgrades {
  version = '1.35';
  status = 'ACTIVE';
  readonly groups: NodegroupState[];
  readonly addonStates: AddonState[] = [
    { name: 'coredns', version: 'v1.12', status: 'ACTIVE', fitting: ['v1.13'] },
    { name: 'kube-proxy', version: 'v1.35', status: 'ACTIVE', fitting: ['v1.36', 'v1.35'] },
  ];
  #updates = 0;

  constructor(groups: readonly string[]) {
    const state = { version: '1.35', release: '1.35.0-1', status: 'ACTIVE', issues: [] };
    this.groups = groups.map((name) => ({ name, ...state }));
  }

  async cluster(): Promise<ClusterState> {
    return { name: 'test', version: this.version, status: this.status };
  }

  async nodegroups(): Promise<NodegroupState[]> {
    return structuredClone(this.groups);
  }

  async addons(): Promise<AddonState[]> {
    return structuredClone(this.addonStates);
  }

  async insights(): Promise<Insight[]> {
    return [];
  }

  async update(id: string): Promise<UpdateState> {
    return this.#failed.get(id) ?? { status: 'Successful', errors: [] };
  }

  /** The next update of the cluster or of nodes fails like this, and changes nothing. */
  failNext: string | undefined;
  readonly #failed = new Map<string, UpdateState>();

  /** What the state machine's calls do. */
  updateCluster(version: string): { Update: { Id: string } } {
    return this.#answer(() => {
      this.version = version;
    });
  }

  updateNodes(name: string, version: string): { Update: { Id: string } } {
    const group = this.groups.find((one) => one.name === name);
    return this.#answer(() => Object.assign(group ?? {}, { version, release: `${version}.9-2` }));
  }

  updateAddon(name: string, version: string): { Update: { Id: string } } {
    const addon = this.addonStates.find((one) => one.name === name);
    return this.#answer(() => Object.assign(addon ?? {}, { version }));
  }

  #answer(change: () => unknown): { Update: { Id: string } } {
    this.#updates += 1;
    const Id = `update-${this.#updates}`;
    if (this.failNext === undefined) change();
    else this.#failed.set(Id, { status: 'Failed', errors: [this.failNext] });
    this.failNext = undefined;
    return { Update: { Id } };
  }
}

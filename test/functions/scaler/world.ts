import { decide } from '../../../core/scaling/decide.ts';
import type { FleetPolicy, Seconds } from '../../../core/scaling/types.ts';
import type { TickDependencies } from '../../../functions/scaler/dependencies.ts';
import type { TickEvent } from '../../../functions/scaler/event.ts';
import type { Figures } from '../../../functions/scaler/metrics.ts';
import { type TickResult, tick } from '../../../functions/scaler/tick.ts';
import { FakeFleetParameters, FakeNodeGroups, FakeQueueCounts } from '../../fakes/aws.ts';
import { FakeFleetState } from '../../fakes/fleet-state.ts';
import { FakeLeases, FakeNodes, FakePods, FakeWorkloads } from '../../fakes/kubernetes.ts';
import { FakeNotices } from '../../fakes/notices.ts';

export const FLEET = 'cpu';
export const CLUSTER = 'test';
export const QUEUE = 'http://127.0.0.1/queue';
export const START: Seconds = 1_800_000_000;

export const policy = (overrides: Partial<FleetPolicy> = {}): FleetPolicy => ({
  fleet: FLEET,
  targetWaitSeconds: 10,
  attainment: 0.98,
  minReplicas: 1,
  maxReplicas: 20,
  activationBacklog: 1,
  idleSeconds: 300,
  schedule: [],
  costCapPerHour: 0,
  maxStepOut: 0,
  maxStepIn: 0,
  spotShare: 0,
  onDemandBase: 1,
  tickSeconds: 5,
  drainDeadlineSeconds: 120,
  fallbackDelaySeconds: 30,
  quarantineSeconds: 180,
  quarantineMaxSeconds: 3600,
  pools: [
    {
      name: 'main',
      capacityType: 'on-demand',
      kind: 'elastic',
      min: 0,
      max: 20,
      slots: 1,
      pricePerHour: 1,
      expectedSecondsPerRequest: 2,
      expectedLeadSeconds: 20,
    },
  ],
  ...overrides,
});

/** One elastic pool `main` behind fakes, with the clock in the test's hand. */
export class World {
  now: Seconds = START;
  readonly state = new FakeFleetState();
  readonly queue = new FakeQueueCounts();
  readonly nodeGroups = new FakeNodeGroups();
  readonly parameters = new FakeFleetParameters();
  readonly workloads = new FakeWorkloads();
  readonly pods = new FakePods();
  readonly leases = new FakeLeases();
  readonly nodes = new FakeNodes();
  readonly notices = new FakeNotices();
  readonly figures: Figures[] = [];
  readonly logged: { level: string; message: string }[] = [];
  failed = 0;
  readingTimeoutMs = 2000;
  decide: TickDependencies['decide'] = decide;

  constructor(replicas = 1, fleet = policy()) {
    this.parameters.fleets.set(FLEET, {
      policy: fleet,
      clusterName: CLUSTER,
      queueUrl: QUEUE,
    });
    this.queue.queues.set(QUEUE, { backlog: 0, inFlight: 0 });
    this.workloads.items.push({
      fleet: FLEET,
      kind: 'Deployment',
      name: 'cpu-main',
      pool: 'main',
      replicas,
    });
    this.nodeGroups.groups.set(CLUSTER, [
      {
        nodegroup: 'test-cpu-main',
        autoScalingGroupName: 'eks-test-cpu-main',
        desired: replicas,
        min: 0,
        max: 20,
        instances: [],
      },
    ]);
    for (let i = 0; i < replicas; i += 1) this.addReplica(`cpu-main-${i}`);
  }

  get group() {
    const group = this.nodeGroups.groups.get(CLUSTER)?.[0];
    if (!group) throw new Error('no group');
    return group;
  }

  get workload() {
    const workload = this.workloads.items[0];
    if (!workload) throw new Error('no workload');
    return workload;
  }

  /** A warm replica on a node of its own, with a worker that says so. */
  addReplica(name: string): void {
    const index = this.pods.items.length;
    const instanceId = `i-0${index}`;
    this.nodes.items.push({ fleet: FLEET, name: `node-${index}`, instanceId });
    this.group.instances.push({ instanceId, lifecycle: 'in-service' });
    this.pods.items.push({
      fleet: FLEET,
      name,
      uid: `uid-${name}`,
      pool: 'main',
      createdAt: START - 600,
      isTerminating: false,
      isRunning: true,
      containersReady: true,
      isReady: true,
      isGateOpen: true,
      gateOpenedAt: START - 500,
      ip: '127.0.0.9',
      node: `node-${index}`,
      boundAt: START - 590,
    });
    this.leases.items.push({
      fleet: FLEET,
      resourceVersion: '1',
      worker: {
        replica: name,
        workerId: `worker-${name}`,
        podUid: `uid-${name}`,
        pool: 'main',
        state: 'warm',
        slots: 1,
        busyQueue: 0,
        busyInteractive: 0,
        completedQueue: 0,
        completedInteractive: 0,
        busySlotSeconds: 0,
        renewedAt: START,
        lastActiveAt: 0,
      },
    });
  }

  backlog(backlog: number, inFlight = 0): void {
    this.queue.queues.set(QUEUE, { backlog, inFlight });
  }

  event(overrides: Partial<TickEvent> = {}): TickEvent {
    return { fleet: FLEET, trigger: 'schedule', execution: 'one', startedAt: this.now, ...overrides };
  }

  dependencies(): TickDependencies {
    const log =
      (level: string) =>
      (message: unknown): void => {
        this.logged.push({ level, message: String(message) });
      };
    return {
      parameters: this.parameters,
      state: this.state,
      queue: this.queue,
      nodeGroups: this.nodeGroups,
      workloads: this.workloads,
      pods: this.pods,
      leases: this.leases,
      nodes: this.nodes,
      notices: this.notices,
      decide: this.decide,
      now: () => this.now,
      log: { info: log('info'), warn: log('warn'), error: log('error') },
      gauges: {
        record: (figures) => {
          this.figures.push(figures);
        },
        failed: () => {
          this.failed += 1;
        },
      },
      readingTimeoutMs: this.readingTimeoutMs,
    };
  }

  tick(overrides: Partial<TickEvent> = {}): Promise<TickResult> {
    return tick(this.event(overrides), this.dependencies());
  }

  /** A tick at a later time. */
  later(seconds: number, overrides: Partial<TickEvent> = {}): Promise<TickResult> {
    this.now += seconds;
    for (const lease of this.leases.items) lease.worker.renewedAt = this.now;
    return this.tick(overrides);
  }

  /** Whether anything was taken away or begun to be. */
  shrank(): boolean {
    const lowered = this.workloads.callsOf('setReplicas').some(([, , from, to]) => Number(to) < Number(from));
    const drained = this.leases.callsOf('markDrain').some(([, deadline]) => deadline !== null);
    return lowered || drained;
  }
}

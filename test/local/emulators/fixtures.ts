import { ManualClock } from '../../../local/emulators/clock.ts';
import type { Delivery } from '../../../local/emulators/delivery.ts';
import type { NodegroupSpec } from '../../../local/emulators/eks-nodegroup.ts';
import { createEmulators, type EmulatorsOptions } from '../../../local/emulators/index.ts';
import type { NodeLifecycle, NodeSpec } from '../../../local/emulators/nodes.ts';

export const ACCOUNT = '111122223333';

/** Records who is in the cluster, and fails on demand. */
export class FakeNodes implements NodeLifecycle {
  readonly nodes = new Map<string, NodeSpec>();
  readonly failures: Error[] = [];

  async join(node: NodeSpec): Promise<void> {
    this.#fail();
    this.nodes.set(node.name, node);
  }

  async leave(nodeName: string): Promise<void> {
    this.#fail();
    this.nodes.delete(nodeName);
  }

  /** Nodes whose pods a disruption budget holds back. */
  readonly held = new Set<string>();
  readonly drained = new Set<string>();

  readonly cordoned = new Set<string>();
  /** Nodes that never become Ready. */
  readonly unready = new Set<string>();

  async drain(nodeName: string): Promise<boolean> {
    this.#fail();
    this.drained.add(nodeName);
    return !this.held.has(nodeName);
  }

  async cordon(nodeName: string, isCordoned: boolean): Promise<void> {
    this.#fail();
    if (isCordoned) this.cordoned.add(nodeName);
    else this.cordoned.delete(nodeName);
  }

  async isReady(nodeName: string): Promise<boolean> {
    this.#fail();
    return this.nodes.has(nodeName) && !this.nodes.get(nodeName)?.neverReady && !this.unready.has(nodeName);
  }

  #fail(): void {
    const failure = this.failures.shift();
    if (failure) throw failure;
  }
}

export const CLUSTER = {
  name: 'paddock',
  version: '1.36',
  endpoint: 'https://127.0.0.1:6443',
  certificateAuthorityData: 'Q0E=',
};

const ZONES = [
  { name: 'us-east-1a', subnetId: 'subnet-a' },
  { name: 'us-east-1b', subnetId: 'subnet-b' },
];

export const nodegroup = (changes: Partial<NodegroupSpec> = {}): NodegroupSpec => ({
  nodegroupName: 'paddock-cpu-base',
  clusterName: CLUSTER.name,
  capacityType: 'ON_DEMAND',
  instanceTypes: ['c6a.4xlarge'],
  scalingConfig: { minSize: 0, maxSize: 10 },
  zones: ZONES,
  ...changes,
});

/** As much of an event as tests look into. */
export interface ReceivedEvent {
  'detail-type': string;
  detail: { state: { value: string } };
}

/** All emulators on a clock that stands still; what they deliver and report is recorded. */
export function emulate(changes: Partial<EmulatorsOptions> = {}) {
  const clock = new ManualClock();
  const nodes = new FakeNodes();
  const deliveries: Delivery[] = [];
  const errors: unknown[] = [];
  const off: string[] = [];
  const emulators = createEmulators({
    clock,
    accountId: ACCOUNT,
    region: 'us-east-1',
    nodes,
    cluster: CLUSTER,
    readQueue: async () => ({ visible: 0, notVisible: 0 }),
    deliver: async (delivery) => void deliveries.push(delivery),
    bootSeconds: 40,
    seed: 7,
    onError: (error) => errors.push(error),
    onPowerOff: (node) => off.push(node),
    ...changes,
  });
  /** Delivers every event that matches to one target; the result tells which events have arrived. */
  const listen = (pattern: object): (() => ReceivedEvent[]) => {
    emulators.events.putRule({ Name: 'all', EventPattern: JSON.stringify(pattern) });
    emulators.events.putTargets({ Rule: 'all', Targets: [{ Id: 'one', Arn: 'arn:aws:lambda:target' }] });
    return () => deliveries.map(({ input }) => JSON.parse(input));
  };
  const seconds = (count: number) => clock.advance(count * 1000);
  return { ...emulators, clock, nodes, off, deliveries, errors, listen, seconds };
}

/** The code of the AwsError that `call` throws; fails when it throws none. */
export async function refusal(
  call: () => unknown,
): Promise<{ code: string; message: string; status: number }> {
  try {
    await call();
  } catch (error) {
    const { code, message, status } = error as { code: string; message: string; status: number };
    return { code, message, status };
  }
  throw new Error('It was not refused.');
}

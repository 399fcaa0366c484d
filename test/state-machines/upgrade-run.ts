import { OLD_IMAGE, type UpgradeWorld } from '../functions/upgrade/world.ts';
import { type Run, run, TaskFailure, type TaskHandlers } from './harness.ts';

/** Tasks that call the function that decides. */
const STEPS = [
  'Begin',
  'Canary',
  'Roll',
  'Nodes',
  'Control plane',
  'Add-ons',
  'Bake',
  'Go back',
  'Upgraded: clean up',
  'Gone back: clean up',
  'Stop',
];

interface Parameters {
  Payload?: unknown;
  Name: string;
  Value: string;
  Version: string;
  NodegroupName: string;
  AddonName: string;
  AddonVersion: string;
  AutoScalingGroupName: string;
}

/** Every Task of the machine, played against the world. */
export function tasksOf(world: UpgradeWorld): Record<string, (input: Parameters) => unknown> {
  const rebalance =
    (isOn: boolean) =>
    ({ AutoScalingGroupName: name }: Parameters) => {
      if (isOn) world.suspended.delete(name);
      else world.suspended.add(name);
      return {};
    };
  const updateNodes = ({ NodegroupName, Version }: Parameters) =>
    world.eks.updateNodes(NodegroupName, Version);
  const updateCluster = ({ Version }: Parameters) => world.eks.updateCluster(Version);
  const healthy = () => ({ Payload: { verdict: 'healthy', checks: [] } });
  return {
    'Refresh insights': () => ({ Status: 'IN_PROGRESS' }),
    'Look at insights': () => ({ Status: 'COMPLETED' }),
    'Ask health': healthy,
    'Ask health while it bakes': healthy,
    'Start a tick': () => ({ ExecutionArn: 'tick' }),
    'Record version': ({ Name, Value }) => {
      world.values.set(Name, Value);
      return { Version: 2 };
    },
    'Resume AZRebalance': rebalance(true),
    'Suspend AZRebalance': rebalance(false),
    'Update nodes': updateNodes,
    'Update nodes to a release': updateNodes,
    'Update control plane': updateCluster,
    'Roll back control plane': updateCluster,
    'Update add-on': ({ AddonName, AddonVersion }) => world.eks.updateAddon(AddonName, AddonVersion),
    ...Object.fromEntries(
      STEPS.map((name) => [
        name,
        async ({ Payload }: Parameters) => {
          try {
            return { Payload: await world.invoke(Payload) };
          } catch (error) {
            throw new TaskFailure((error as Error).name, (error as Error).message);
          }
        },
      ]),
    ),
  };
}

export interface Fault {
  task: string;
  /** `before`: nothing happens. `after`: it happens, and its answer is lost. */
  when: 'before' | 'after';
  /** How often in a row; default: for ever. */
  times?: number;
}

let executions = 0;

export function nextId(): string {
  executions += 1;
  return `arn:aws:states:us-east-1:123456789012:execution:test-upgrade:u${executions}`;
}

/** One execution of the machine; what fails, fails at every attempt. */
export async function upgrade(
  world: UpgradeWorld,
  request: unknown,
  fault?: Fault,
  instead: Record<string, () => unknown> = {},
  id = nextId(),
): Promise<Run & { failed: number }> {
  world.running.add(id);
  let failed = 0;
  const handlers = Object.fromEntries(
    Object.entries({ ...tasksOf(world), ...instead }).map(([name, handler]) => [
      name,
      async (input: Parameters) => {
        const fails = fault?.task === name && failed < (fault.times ?? Number.POSITIVE_INFINITY);
        if (!fails) return handler(input);
        failed += 1;
        if (fault.when === 'after') await handler(input);
        throw new TaskFailure('Test.Broken', `${name} is broken`);
      },
    ]),
  ) as unknown as TaskHandlers;
  const result = await run('upgrade', request as object, handlers, {
    id,
    startedAt: new Date(world.now * 1000),
  });
  world.running.delete(id);
  return { ...result, failed };
}

export const isOld = (world: UpgradeWorld): boolean =>
  world.rollouts.pods.every(({ image }) => image === OLD_IMAGE);

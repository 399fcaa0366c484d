import type { FleetRollout } from '../../adapters/kubernetes/rollout.ts';
import { nodegroupName } from '../../core/protocol/names.ts';
import { modelParameter, ollamaImageParameter } from '../../core/protocol/upgrade.ts';
import type { FleetState, Health, Inventory, PoolState } from '../../core/upgrade/inventory.ts';
import type { UpgradeRequest } from '../../core/upgrade/request.ts';
import type { UpgradeDependencies } from './dependencies.ts';

/** All that a plan and its preflight need to know. Throws what a failed reading throws: nothing is guessed. */
export async function readInventory(
  deps: UpgradeDependencies,
  { target, to }: UpgradeRequest,
  health: Health | undefined,
): Promise<Inventory> {
  const { config, eks, values } = deps;
  const ofEks = target === 'kubernetes' || target === 'nodes';
  const cluster = await eks.cluster();
  const [ollamaImage, fleets, nodegroups, addons, insights] = await Promise.all([
    values.read(ollamaImageParameter(config.cluster)),
    readFleets(deps),
    ofEks ? eks.nodegroups() : undefined,
    target === 'kubernetes' ? eks.addons(to, cluster.version) : undefined,
    target === 'kubernetes' ? eks.insights() : undefined,
  ]);
  return {
    at: deps.now(),
    ...{ cluster, ollamaImage, fleets, nodegroups, addons, insights },
    health,
    usedApis: config.usedApis,
  };
}

async function readFleets(deps: UpgradeDependencies): Promise<FleetState[]> {
  const { config } = deps;
  const groups = await deps.nodeGroups.list(config.cluster);
  return Promise.all(
    config.fleets.map(async ({ name, models }): Promise<FleetState> => {
      const [parameters, rollout, budgets, actual] = await Promise.all([
        deps.parameters.read(name),
        deps.rollouts.read(name),
        deps.rollouts.budgets(name),
        Promise.all(models.map((served) => deps.values.read(modelParameter(config.cluster, name, served)))),
      ]);
      const pools = parameters.policy.pools.flatMap((policy): PoolState[] => {
        const group = groups.find(
          ({ nodegroup }) => nodegroup === nodegroupName(config.cluster, name, policy.name),
        );
        const pool = poolOf(rollout, policy.name);
        if (!pool) return [];
        const { capacityType, kind, max } = policy;
        return [
          {
            ...{ name: policy.name, capacityType, kind, max },
            ...pool,
            maxNodes: group?.max ?? 0,
            desiredNodes: group?.desired ?? 0,
            disruptionsAllowed: budgets[policy.name],
          },
        ];
      });
      return {
        name,
        models: models.map((served, index) => ({ served, actual: actual[index] ?? served })),
        pools,
      };
    }),
  );
}

function poolOf({ workloads, canaries, pods }: FleetRollout, name: string) {
  const workload = workloads.find(({ pool }) => pool === name);
  if (!workload) return undefined;
  const { replicas: desired, image, models, mark } = workload;
  const own = pods.filter((pod) => pod.pool === name && !pod.isCanary && !pod.isTerminating);
  const ready = own.filter(({ isReady }) => isReady).length;
  const draining = own.filter(({ isReady, isDraining }) => isDraining && !isReady).length;
  return {
    ...{ desired, image, models, ready, draining },
    isMarked: mark !== undefined,
    isSpare: (canaries[name] ?? 0) > 0 || (mark !== undefined && mark.spareNodes + mark.replicas > 0),
  };
}

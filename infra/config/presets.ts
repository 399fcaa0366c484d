import type { FleetInput, PoolInput } from './types.ts';

/** `policy` is merged with the preset's; every other option given replaces the preset's. */
export type PresetOverrides = Partial<FleetInput>;

/** The original set-up gave Ollama 6 to 8 vCPU and 12 to 16 GB of its node. */
const cpuResources = { cpu: 6, cpuLimit: 8, memoryGiB: 12, memoryLimitGiB: 16 };

const cpuBase = (zone: string): PoolInput => ({
  name: `base-${zone}`,
  capacityType: 'on-demand',
  kind: 'persistent',
  instanceTypes: ['c6a.8xlarge'],
  zones: [zone],
  min: 1,
  max: 1,
  slots: 2,
  expectedSecondsPerRequest: 8,
  expectedLeadSeconds: 150,
  resources: cpuResources,
});

const cpuElastic = (capacityType: 'on-demand' | 'spot', instanceTypes: string[], max: number): PoolInput => ({
  name: capacityType,
  capacityType,
  kind: 'elastic',
  instanceTypes,
  max,
  slots: 2,
  expectedSecondsPerRequest: 8,
  expectedLeadSeconds: 150,
  resources: cpuResources,
});

const cpuFleet: FleetInput = {
  name: 'cpu',
  models: ['llama3.1:8b'],
  policy: { minReplicas: 2 },
  pools: [
    cpuBase('a'),
    cpuBase('b'),
    cpuElastic('spot', ['c6i.4xlarge', 'c6a.4xlarge'], 8),
    // Takes over what spot fails to give: with the base alone there would be nothing to fall back to.
    cpuElastic('on-demand', ['c6a.4xlarge'], 4),
  ],
};

const GPU_REPLICAS = 12;

const gpuPool = (capacityType: 'on-demand' | 'spot'): PoolInput => ({
  name: capacityType,
  capacityType,
  kind: 'elastic',
  instanceTypes: ['g5.2xlarge'],
  // Each could hold the whole fleet: on-demand has to take over when there is no spot.
  max: GPU_REPLICAS,
  slots: 4,
  gpusPerNode: 1,
  expectedSecondsPerRequest: 1,
  expectedLeadSeconds: 240,
  resources: { cpu: 4, memoryGiB: 16 },
  labels: { accelerator: 'nvidia' },
  taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
});

const gpuFleet: FleetInput = {
  name: 'gpu',
  models: ['llama3.1:8b'],
  policy: { minReplicas: 1, maxReplicas: GPU_REPLICAS },
  pools: [gpuPool('on-demand'), gpuPool('spot')],
};

function withOverrides(fleet: FleetInput, overrides: PresetOverrides): FleetInput {
  const policy = { ...fleet.policy };
  // It is that of the preset's own pools.
  if (overrides.pools) delete policy.maxReplicas;
  return { ...structuredClone(fleet), ...overrides, policy: { ...policy, ...overrides.policy } };
}

/** Ready fleets; each takes overrides: `presets.cpu({ policy: { targetWaitSeconds: 30 } })`. */
export const presets = {
  /**
   * Two persistent on-demand pools of c6a.8xlarge with one replica each, in zones a and b, an elastic spot pool of
   * c6i.4xlarge and c6a.4xlarge, and an elastic on-demand pool of c6a.4xlarge for when spot gives nothing.
   * llama3.1:8b, never fewer than two replicas.
   */
  cpu: (overrides: PresetOverrides = {}): FleetInput => withOverrides(cpuFleet, overrides),
  /** Elastic on-demand and spot pools of g5.2xlarge. llama3.1:8b, never fewer than one replica. */
  gpu: (overrides: PresetOverrides = {}): FleetInput => withOverrides(gpuFleet, overrides),
};

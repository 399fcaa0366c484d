import type { FleetState, Inventory, PoolState } from '../../../core/upgrade/inventory.ts';

export const OLD_IMAGE = 'docker.io/ollama/ollama:0.17.4';

export const poolState = (overrides: Partial<PoolState> = {}): PoolState => ({
  name: 'od',
  capacityType: 'on-demand',
  kind: 'elastic',
  max: 4,
  desired: 2,
  ready: 2,
  draining: 0,
  image: OLD_IMAGE,
  models: ['llama3.1:8b'],
  maxNodes: 4,
  desiredNodes: 2,
  disruptionsAllowed: 1,
  ...overrides,
});

export const fleetState = (overrides: Partial<FleetState> = {}): FleetState => ({
  name: 'cpu',
  models: [{ served: 'llama3.1:8b', actual: 'llama3.1:8b' }],
  pools: [poolState()],
  ...overrides,
});

export const inventoryOf = (overrides: Partial<Inventory> = {}): Inventory => ({
  at: 1_700_000_000,
  cluster: { name: 'paddock', version: '1.35', status: 'ACTIVE' },
  nodegroups: [
    { name: 'paddock-cpu-od', version: '1.35', release: '1.35.1-20260101', status: 'ACTIVE', issues: [] },
    { name: 'paddock-system', version: '1.35', release: '1.35.1-20260101', status: 'ACTIVE', issues: [] },
  ],
  addons: [{ name: 'coredns', version: 'v1.12.1', status: 'ACTIVE', fitting: ['v1.13.0', 'v1.12.1'] }],
  insights: [{ name: 'Deprecated APIs', status: 'PASSING', reason: '' }],
  fleets: [fleetState()],
  ollamaImage: OLD_IMAGE,
  health: { verdict: 'healthy', checks: [] },
  usedApis: ['apps/v1', 'policy/v1'],
  ...overrides,
});

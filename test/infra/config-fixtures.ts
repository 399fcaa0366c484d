import type { ConfigInput, FleetInput, PoolInput } from '../../infra/config/index.ts';

export const pool = (changes: Partial<PoolInput> = {}): PoolInput => ({
  name: 'main',
  capacityType: 'on-demand',
  instanceTypes: ['c6a.4xlarge'],
  max: 4,
  ...changes,
});

export const fleet = (changes: Partial<FleetInput> = {}): FleetInput => ({
  name: 'chat',
  models: ['llama3.1:8b'],
  pools: [pool()],
  ...changes,
});

export const config = (
  fleets: FleetInput[] = [fleet()],
  changes: Partial<ConfigInput> = {},
): ConfigInput => ({
  region: 'us-east-1',
  fleets,
  ...changes,
});

export const withPool = (changes: Partial<PoolInput>) => config([fleet({ pools: [pool(changes)] })]);
export const withPolicy = (policy: FleetInput['policy']) => config([fleet({ policy })]);
export const withFloor = (floor: object) =>
  withPolicy({
    schedule: [{ days: [1], from: '08:00', to: '18:00', replicas: 2, ...floor }],
  } as FleetInput['policy']);
/** What TypeScript would refuse, as a user of plain JavaScript might write it. */
export const untyped = (input: unknown) => input as ConfigInput;

/** Class of mistake, configuration, path of the problem, its message, its fix. */
export type Mistake = [string, ConfigInput, string, RegExp, RegExp];

import type { PaddockConfig } from '../config/index.ts';
import { INSTANCES, looksLikeGpu } from '../config/instances.ts';

/** A service quota of the account in its region, and how much of it a configuration can come to use. */
export interface QuotaNeed {
  readonly name: string;
  readonly service: string;
  readonly code: string;
  readonly needed: number;
  readonly unit: string;
}

const VCPU_QUOTAS = {
  'on-demand': {
    standard: {
      name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
      code: 'L-1216C47A',
    },
    gpu: { name: 'Running On-Demand G and VT instances', code: 'L-DB2E81BA' },
  },
  spot: {
    standard: { name: 'All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests', code: 'L-34B43A08' },
    gpu: { name: 'All G and VT Spot Instance Requests', code: 'L-3819A6DF' },
  },
} as const;

interface NodeDemand {
  readonly capacityType: 'on-demand' | 'spot';
  readonly instanceTypes: readonly string[];
  readonly nodes: number;
}

/**
 * With every pool full. Instances of the P families have quotas of their own and are left out, as is a type whose vCPUs
 * infra/config/instances.ts does not know.
 */
export function quotaNeeds(config: PaddockConfig): QuotaNeed[] {
  const { systemPool, natGateways } = config.cluster;
  const demands: NodeDemand[] = [
    { capacityType: 'on-demand', instanceTypes: systemPool.instanceTypes, nodes: systemPool.max },
    ...config.fleets.flatMap((fleet) =>
      fleet.pools.map((pool) => ({ ...pool, nodes: pool.max + (pool.warmPool?.size ?? 0) })),
    ),
  ];
  const vcpuNeeds = (['on-demand', 'spot'] as const).flatMap((capacityType) =>
    (['standard', 'gpu'] as const).map((family) => ({
      ...VCPU_QUOTAS[capacityType][family],
      service: 'ec2',
      needed: demands
        .filter((demand) => demand.capacityType === capacityType && familyOf(demand) === family)
        .reduce((sum, demand) => sum + demand.nodes * vcpusOf(demand), 0),
      unit: 'vCPUs',
    })),
  );
  return [
    ...vcpuNeeds,
    {
      name: 'EC2-VPC Elastic IPs',
      service: 'ec2',
      code: 'L-0263D0A3',
      needed: natGateways,
      unit: 'addresses',
    },
    { name: 'VPCs per Region', service: 'vpc', code: 'L-F678F1CE', needed: 1, unit: 'VPCs' },
  ].filter(({ needed }) => needed > 0);
}

const familyOf = ({ instanceTypes }: NodeDemand): 'standard' | 'gpu' | 'other' => {
  if (!instanceTypes.some(looksLikeGpu)) return 'standard';
  return instanceTypes.some((type) => type.startsWith('g')) ? 'gpu' : 'other';
};

/** Of the largest of the types. */
const vcpusOf = ({ instanceTypes }: NodeDemand): number =>
  Math.max(...instanceTypes.map((type) => INSTANCES[type]?.vcpus ?? 0));

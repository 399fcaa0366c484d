/** What an EC2 instance type offers to Kubernetes. */
export interface InstanceType {
  vcpus: number;
  memoryGiB: number;
  gpus: number;
  /** Pods that fit on its network interfaces (amazon-eks-ami's eni-max-pods). */
  eniPods: number;
  arch: 'amd64' | 'arm64';
}

type Row = [vcpus: number, memoryGiB: number, eniPods: number, gpus?: number];

/** Sizes that the general families share: vCPUs and pods; the family says how much memory a vCPU comes with. */
const SIZES: Record<string, [vcpus: number, eniPods: number]> = {
  large: [2, 29],
  xlarge: [4, 58],
  '2xlarge': [8, 58],
  '4xlarge': [16, 234],
  '8xlarge': [32, 234],
  '12xlarge': [48, 234],
  '16xlarge': [64, 737],
};

const GIB_PER_VCPU: Record<string, number> = {
  c5a: 2,
  c6a: 2,
  c6i: 2,
  c7a: 2,
  c7i: 2,
  c7g: 2,
  m5: 4,
  m6a: 4,
  m6i: 4,
  m7a: 4,
  m7i: 4,
  m7g: 4,
  r6i: 8,
  r7i: 8,
};

const ARM_FAMILIES = ['c7g', 'm7g'];

const OTHERS: Record<string, Row> = {
  't3.medium': [2, 4, 17],
  't3.large': [2, 8, 35],
  't3.xlarge': [4, 16, 58],
  't3.2xlarge': [8, 32, 58],
  't3a.medium': [2, 4, 17],
  't3a.large': [2, 8, 35],
  't3a.xlarge': [4, 16, 58],
  'g4dn.xlarge': [4, 16, 29, 1],
  'g4dn.2xlarge': [8, 32, 29, 1],
  'g4dn.4xlarge': [16, 64, 29, 1],
  'g4dn.12xlarge': [48, 192, 234, 4],
  'g5.xlarge': [4, 16, 58, 1],
  'g5.2xlarge': [8, 32, 58, 1],
  'g5.4xlarge': [16, 64, 234, 1],
  'g5.8xlarge': [32, 128, 234, 1],
  'g5.12xlarge': [48, 192, 737, 4],
  'g5.48xlarge': [192, 768, 345, 8],
  'g6.xlarge': [4, 16, 58, 1],
  'g6.2xlarge': [8, 32, 58, 1],
  'g6.4xlarge': [16, 64, 234, 1],
  'g6.8xlarge': [32, 128, 234, 1],
  'g6.12xlarge': [48, 192, 234, 4],
  'g6.48xlarge': [192, 768, 737, 8],
  'g6e.xlarge': [4, 32, 58, 1],
  'g6e.2xlarge': [8, 64, 58, 1],
  'g6e.4xlarge': [16, 128, 234, 1],
  'g6e.8xlarge': [32, 256, 234, 1],
  'g6e.12xlarge': [48, 384, 292, 4],
};

/** Throws RangeError for a type that is not in the table. */
export function instanceType(name: string): InstanceType {
  const [family = '', size = ''] = name.split('.');
  const row = OTHERS[name] ?? general(family, size);
  if (!row) {
    throw new RangeError(
      `The local emulator does not know the instance type ${name}. Use one of ${Object.keys(OTHERS).join(', ')}, or ` +
        `${Object.keys(GIB_PER_VCPU).join(', ')} in sizes ${Object.keys(SIZES).join(', ')}; or add it to local/emulators/instance-types.ts.`,
    );
  }
  const [vcpus, memoryGiB, eniPods, gpus = 0] = row;
  return { vcpus, memoryGiB, eniPods, gpus, arch: ARM_FAMILIES.includes(family) ? 'arm64' : 'amd64' };
}

function general(family: string, size: string): Row | undefined {
  const memory = GIB_PER_VCPU[family];
  const [vcpus, eniPods] = SIZES[size] ?? [];
  return memory && vcpus && eniPods ? [vcpus, vcpus * memory, eniPods] : undefined;
}

/** The hypervisor and the kernel keep up to 7.5% of the stated memory: what fits here fits on the real instance. */
const MEMORY_OVERHEAD = 0.075;
const EVICTION_MIB = 100;
/** CPU that the kubelet reserves: 6% of the first core, 1% of the second, 0.5% of two more, 0.25% of the rest. */
const RESERVED_MILLICORES = [60, 10, 5, 5];
const RESERVED_MILLICORES_BEYOND = 2.5;

export interface NodeResources {
  capacity: Record<string, string>;
  allocatable: Record<string, string>;
}

/** Capacity and allocatable as an EKS node of this type reports them. */
export function nodeResources(type: InstanceType): NodeResources {
  // Managed node groups cap pods by size.
  const pods = Math.min(type.eniPods, type.vcpus < 30 ? 110 : 250);
  const memoryMiB = Math.floor(type.memoryGiB * 1024 * (1 - MEMORY_OVERHEAD));
  const reservedMiB = 255 + 11 * pods + EVICTION_MIB;
  let reservedMillicores = 0;
  for (let core = 0; core < type.vcpus; core++) {
    reservedMillicores += RESERVED_MILLICORES[core] ?? RESERVED_MILLICORES_BEYOND;
  }
  const common = {
    'ephemeral-storage': '104845292Ki',
    pods: String(pods),
    ...(type.gpus > 0 ? { 'nvidia.com/gpu': String(type.gpus) } : {}),
  };
  return {
    capacity: { cpu: String(type.vcpus), memory: `${memoryMiB}Mi`, ...common },
    allocatable: {
      cpu: `${type.vcpus * 1000 - Math.ceil(reservedMillicores)}m`,
      memory: `${memoryMiB - reservedMiB}Mi`,
      ...common,
    },
  };
}

import type { CfnLaunchTemplate } from 'aws-cdk-lib/aws-ec2';
import { NodegroupAmiType } from 'aws-cdk-lib/aws-eks-v2';
import { isArm } from '../config/instances.ts';

export interface NodeImage {
  readonly os: 'al2023' | 'bottlerocket';
  /** All of one architecture. */
  readonly instanceTypes: readonly string[];
  readonly gpusPerNode: number;
}

const AMI_TYPES = {
  al2023: {
    x86: NodegroupAmiType.AL2023_X86_64_STANDARD,
    arm: NodegroupAmiType.AL2023_ARM_64_STANDARD,
    x86Gpu: NodegroupAmiType.AL2023_X86_64_NVIDIA,
    armGpu: NodegroupAmiType.AL2023_ARM_64_NVIDIA,
  },
  bottlerocket: {
    x86: NodegroupAmiType.BOTTLEROCKET_X86_64,
    arm: NodegroupAmiType.BOTTLEROCKET_ARM_64,
    x86Gpu: NodegroupAmiType.BOTTLEROCKET_X86_64_NVIDIA,
    armGpu: NodegroupAmiType.BOTTLEROCKET_ARM_64_NVIDIA,
  },
} as const;

/** EKS's own image; which release of it, EKS chooses when it makes the group, and an upgrade after that. */
export function amiType({ os, instanceTypes, gpusPerNode }: NodeImage): NodegroupAmiType {
  const architecture = instanceTypes.some(isArm) ? 'arm' : 'x86';
  return AMI_TYPES[os][gpusPerNode > 0 ? (`${architecture}Gpu` as const) : architecture];
}

/** Bottlerocket's own disk, which holds nothing but the system. */
const BOTTLEROCKET_SYSTEM_GIB = 4;

/** The disks of a node, encrypted with the account's own key for EBS; `diskGiB` is room for images, pods and logs. */
export function nodeDisks(
  os: NodeImage['os'],
  diskGiB: number,
): CfnLaunchTemplate.BlockDeviceMappingProperty[] {
  const disk = (deviceName: string, volumeSize: number) => ({
    deviceName,
    ebs: { volumeSize, volumeType: 'gp3', encrypted: true, deleteOnTermination: true },
  });
  // Bottlerocket keeps images and pods on a second disk.
  return os === 'bottlerocket'
    ? [disk('/dev/xvda', BOTTLEROCKET_SYSTEM_GIB), disk('/dev/xvdb', diskGiB)]
    : [disk('/dev/xvda', diskGiB)];
}

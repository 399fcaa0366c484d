import type { KubernetesObject } from '@kubernetes/client-node';

/** Any Kubernetes object, as plain data. */
export type Manifest = KubernetesObject;

/** Of EBS. */
export type VolumeType = 'gp3' | 'gp2';

/** What the manifests need to know of a fleet. */
export interface WorkloadFleet {
  readonly name: string;
  readonly models: readonly string[];
  readonly contextTokens: number;
  readonly requestTimeoutSeconds: number;
  readonly maxAttempts: number;
  /** Which the worker extends while it works. */
  readonly visibilitySeconds: number;
  readonly policy: { readonly drainDeadlineSeconds: number };
}

/** What the manifests need to know of a pool. */
export interface WorkloadPool {
  readonly name: string;
  readonly kind: 'persistent' | 'elastic';
  /** Full names; exactly one for a persistent pool. */
  readonly zones: readonly string[];
  /** Replicas at most. */
  readonly max: number;
  readonly slots: number;
  readonly gpusPerNode: number;
  /** What the pool's nodes boot. */
  readonly os: 'al2023' | 'bottlerocket';
  readonly modelStorageGiB: number;
  readonly resources: {
    readonly cpu: number;
    readonly cpuLimit?: number | undefined;
    readonly memoryGiB: number;
    readonly memoryLimitGiB?: number | undefined;
  };
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly {
    readonly key: string;
    readonly value: string;
    readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  }[];
}

/** What lies around a fleet's pods. Strings may be CloudFormation references. */
export interface WorkloadEnvironment {
  readonly region: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly resultsBucket: string;
  /** The mirror, and what is ordered about models. */
  readonly modelsBucket: string;
  /** Of what the mirror lacks; empty: from nowhere else. */
  readonly registryUrl: string;
  readonly volumeType: VolumeType;
  /** The model behind each of the fleet's, in their order; default: those themselves. */
  readonly models?: readonly string[];
  readonly images: { readonly ollama: string; readonly worker: string; readonly fetch: string };
  /** Where the worker's code lies, and what its content must hash to. */
  readonly workerBundle: { readonly bucket: string; readonly key: string; readonly sha256: string };
}

/** Which addresses of the VPC call pods. */
export interface WorkloadNetwork {
  /** Where the functions' and the API server's interfaces lie. */
  readonly controlCidrs: readonly string[];
  /** Where the load balancer's own addresses lie. */
  readonly loadBalancerCidrs: readonly string[];
  readonly loadBalancerSubnetIds: readonly string[];
}

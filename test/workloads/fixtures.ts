import type { V1Deployment, V1PodSpec, V1StatefulSet } from '@kubernetes/client-node';
import { fleetOf } from '../../infra/config/index.ts';
import config from '../../paddock.config.ts';
import {
  fleetManifests,
  type Manifest,
  sharedManifests,
  type WorkloadEnvironment,
  type WorkloadNetwork,
} from '../../workloads/index.ts';

export const environment: WorkloadEnvironment = {
  region: 'us-east-1',
  queueUrl: 'https://sqs.us-east-1.amazonaws.com/123456789012/paddock-cpu',
  deadLetterQueueUrl: 'https://sqs.us-east-1.amazonaws.com/123456789012/paddock-cpu-dead-letters',
  resultsBucket: 'results',
  modelsBucket: 'models',
  registryUrl: '',
  volumeType: 'gp3',
  images: config.images,
  workerBundle: { bucket: 'assets', key: 'abc.mjs', sha256: 'abc' },
};

export const network: WorkloadNetwork = {
  controlCidrs: ['10.0.64.0/24'],
  loadBalancerCidrs: ['10.0.200.0/24', '10.0.201.0/24'],
  loadBalancerSubnetIds: ['subnet-0a', 'subnet-0b'],
};

export const shared: Manifest[] = sharedManifests(config, network);
export const cpu: Manifest[] = fleetManifests(fleetOf(config, 'cpu'), environment);
export const gpu: Manifest[] = fleetManifests(fleetOf(config, 'gpu'), environment);

/** The one object of that kind and name. */
export function find<T extends Manifest>(manifests: readonly Manifest[], kind: string, name: string): T {
  const found = manifests.filter((manifest) => manifest.kind === kind && manifest.metadata?.name === name);
  expect(found).toHaveLength(1);
  return found[0] as T;
}

export const persistent = () => find<V1StatefulSet>(cpu, 'StatefulSet', 'cpu-base-a');
export const elastic = () => find<V1Deployment>(cpu, 'Deployment', 'cpu-spot');
export const onGpu = () => find<V1Deployment>(gpu, 'Deployment', 'gpu-spot');

export function podOf(workload: V1StatefulSet | V1Deployment): V1PodSpec {
  const spec = workload.spec?.template.spec;
  if (!spec) throw new Error(`${workload.metadata?.name} has no pod template`);
  return spec;
}

export const containerOf = (pod: V1PodSpec, name: string) => {
  const container = [...(pod.initContainers ?? []), ...pod.containers].find((one) => one.name === name);
  if (!container) throw new Error(`There is no container ${name}`);
  return container;
};

export const envOf = (pod: V1PodSpec, name: string): Record<string, string | undefined> =>
  Object.fromEntries(
    (containerOf(pod, name).env ?? []).map((one) => [
      one.name,
      one.value ?? one.valueFrom?.fieldRef?.fieldPath,
    ]),
  );

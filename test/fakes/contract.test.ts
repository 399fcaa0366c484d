import { fleetParametersContract, nodeGroupsContract, queueCountsContract } from '../contract/aws.ts';
import { fleetStateContract } from '../contract/fleet-state.ts';
import { kubernetesContract } from '../contract/kubernetes.ts';
import { noticesContract } from '../contract/notices.ts';
import { rateBucketsContract } from '../contract/rate-buckets.ts';
import { upgradeStateContract } from '../contract/upgrade-state.ts';
import { policy } from '../functions/scaler/world.ts';
import { FakeFleetParameters, FakeNodeGroups, FakeQueueCounts } from './aws.ts';
import { FakeFleetState } from './fleet-state.ts';
import { fakeKubernetes } from './kubernetes-setup.ts';
import { FakeNotices } from './notices.ts';
import { FakeRateBuckets } from './rate-buckets.ts';
import { FakeUpgradeState } from './upgrade.ts';

fleetStateContract('fake', () => new FakeFleetState());
upgradeStateContract('fake', () => new FakeUpgradeState());
noticesContract('fake', () => new FakeNotices());
kubernetesContract('fake', fakeKubernetes);
const buckets = new FakeRateBuckets();
rateBucketsContract('fake', () => buckets);

queueCountsContract('fake', () => {
  const reader = new FakeQueueCounts();
  const missing = 'http://127.0.0.1/missing';
  const queueWith = async (counts: { backlog: number; inFlight: number }): Promise<string> => {
    const url = `http://127.0.0.1/${reader.queues.size}`;
    reader.queues.set(url, counts);
    return url;
  };
  return { reader, queueWith, missing };
});

nodeGroupsContract('fake', async () => {
  const reader = new FakeNodeGroups();
  const expected = [
    {
      nodegroup: 'test-cpu-main',
      autoScalingGroupName: 'eks-test-cpu-main',
      desired: 2,
      min: 0,
      max: 5,
      instances: [{ instanceId: 'i-1', lifecycle: 'in-service' as const }],
    },
  ];
  reader.groups.set('test', expected);
  return { reader, cluster: 'test', expected };
});

fleetParametersContract('fake', { policy: policy(), clusterName: 'test', queueUrl: 'url' }, () => {
  const reader = new FakeFleetParameters();
  return { reader, put: async (fleet, parameters) => void reader.fleets.set(fleet, parameters) };
});

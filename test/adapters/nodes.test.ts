import type { V1Node } from '@kubernetes/client-node';
import type { KubernetesAccess } from '../../adapters/kubernetes/eks.ts';
import { KubernetesNodes } from '../../adapters/kubernetes/nodes.ts';

const CREATED = new Date('2026-01-01T00:00:00Z');
const CHANGED = new Date('2026-01-01T00:10:00Z');

/** What is read of one node. */
async function read(status: V1Node['status']) {
  const node: V1Node = { metadata: { name: 'n', creationTimestamp: CREATED }, ...(status && { status }) };
  const apis = { core: { listNode: async () => ({ items: [node] }) } };
  const access = { apis: async () => apis, forget: () => {} } as unknown as KubernetesAccess;
  return (await new KubernetesNodes(access).list('cpu'))[0];
}

it('a node tells since when it is not Ready, and why', async () => {
  const ready = { type: 'Ready', lastTransitionTime: CHANGED };
  const gone = {
    ...ready,
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting',
  };
  expect((await read({ conditions: [gone] }))?.notReady).toEqual({
    since: CHANGED.getTime() / 1000,
    why: 'NodeStatusUnknown: Kubelet stopped posting',
  });
  expect((await read({}))?.notReady).toEqual({
    since: CREATED.getTime() / 1000,
    why: 'its kubelet has reported nothing yet',
  });
  expect(await read({ conditions: [{ ...ready, status: 'True' }] })).not.toHaveProperty('notReady');
});

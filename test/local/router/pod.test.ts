import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { V1Pod, V1PodStatus } from '@kubernetes/client-node';
import { defineConfig, presets } from '../../../infra/config/index.ts';
import type { KubeletApi } from '../../../local/pods/api.ts';
import type { Supervisor } from '../../../local/processes.ts';
import { RouterPod } from '../../../local/router/pod.ts';
import { ReadyPodWatch } from '../../../local/router/ready-pods.ts';
import { localNginxConfig } from '../../../local/router/site.ts';

const config = defineConfig({ region: 'us-east-1', fleets: [presets.cpu(), presets.gpu()] });

describe('a router pod of the local system', () => {
  it('waits, and says for what, on a machine without Nginx', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'paddock-router-'));
    const statuses: V1PodStatus[] = [];
    const api = { setStatus: async (_ref: unknown, status: V1PodStatus) => void statuses.push(status) };
    const ref = { name: 'router-1', namespace: 'paddock', uid: 'u1' };
    const object: V1Pod = { spec: { containers: [{ name: 'nginx' }, { name: 'metrics' }] } };
    const pod = new RouterPod(object, ref, '127.20.0.1', {
      config,
      stateDir,
      api: api as unknown as KubeletApi,
      supervisor: {} as Supervisor,
      nginx: undefined,
      readyPods: () => ({}),
      onTrouble: () => {},
    });
    await pod.start();
    expect(pod.isReady).toBe(false);
    expect(statuses.at(-1)?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'False' }),
    );
    expect(statuses.at(-1)?.containerStatuses?.[0]?.state?.waiting?.message).toMatch(
      /nginx is not installed/,
    );
    await pod.stop({ remove: false });
    rmSync(stateDir, { recursive: true, force: true });
  });

  it('names the ready replicas of each fleet, and listens at its own address', () => {
    const pods = { gpu: ['127.20.0.2:8080', '127.20.0.3:8080'] };
    const text = localNginxConfig(config, {
      podIP: '127.20.0.9',
      dir: '/run/r',
      pods,
      keepsByDefault: false,
    });
    expect(text).toMatch(/upstream fleet_gpu \{[^}]*server 127.20.0.2:8080 [^}]*server 127.20.0.3:8080 /);
    expect(text).toMatch(/upstream fleet_cpu \{[^}]*server 127.0.0.1:1 down;/);
    expect([...text.matchAll(/listen (\S+):/g)].map(([, host]) => host)).toEqual(Array(4).fill('127.20.0.9'));
    expect(text).not.toContain('resolve');
  });
});

describe('the ready replicas', () => {
  it('are those that are ready and not on their way out', async () => {
    let changes = 0;
    const watch = new ReadyPodWatch(() => {
      changes += 1;
    });
    let set: (pod: V1Pod) => void = () => {};
    const api = {
      watchPods: async (handlers: { onSet: (pod: V1Pod) => void }) => {
        set = handlers.onSet;
      },
    };
    await watch.start(api as unknown as KubeletApi, () => {});
    const pod = (uid: string, ip: string, ready: string, more: object = {}): V1Pod => ({
      metadata: { uid, labels: { 'paddock.dev/fleet': 'cpu' }, ...more },
      status: { podIP: ip, conditions: [{ type: 'Ready', status: ready }] },
    });
    set(pod('b', '127.20.0.2', 'True'));
    set(pod('a', '127.20.0.1', 'True'));
    set(pod('c', '127.20.0.3', 'False'));
    set(pod('a', '127.20.0.1', 'True'));
    expect(watch.addresses).toEqual({ cpu: ['127.20.0.1:8080', '127.20.0.2:8080'] });
    expect(changes).toBe(2);
    set(pod('b', '127.20.0.2', 'True', { deletionTimestamp: new Date() }));
    expect(watch.addresses).toEqual({ cpu: ['127.20.0.1:8080'] });
  });
});

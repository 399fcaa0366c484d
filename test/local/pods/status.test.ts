import type { V1Pod } from '@kubernetes/client-node';
import { READINESS_GATE } from '../../../core/protocol/names.ts';
import { Addresses } from '../../../local/pods/addresses.ts';
import { containerEnvironment } from '../../../local/pods/environment.ts';
import { type PodFacts, podStatus } from '../../../local/pods/status.ts';

const T0 = '2026-01-01T00:00:00.000Z';
const T1 = '2026-01-01T00:00:30.000Z';

const pod = (gate?: 'True' | 'False'): V1Pod => ({
  metadata: { name: 'cpu-main-0', namespace: 'paddock', uid: 'u1' },
  spec: {
    nodeName: 'n1',
    readinessGates: [{ conditionType: READINESS_GATE }],
    initContainers: [{ name: 'fetch' }, { name: 'ollama', restartPolicy: 'Always' }],
    containers: [{ name: 'worker', image: 'w' }],
  },
  status: gate ? { conditions: [{ type: READINESS_GATE, status: gate }] } : {},
});

const facts = (more: Partial<PodFacts> = {}): PodFacts => ({
  ...{
    podIP: '127.20.0.1',
    startedAt: T0,
    isReady: true,
    restarts: 0,
    state: { kind: 'running', since: T0 },
  },
  ...more,
});

const conditions = (status: ReturnType<typeof podStatus>) =>
  Object.fromEntries((status.conditions ?? []).map(({ type, status: value }) => [type, value]));

describe("a pod's status", () => {
  it.each([
    [true, 'True', 'True', 'True'],
    [true, 'False', 'True', 'False'],
    [true, undefined, 'True', 'False'],
    [false, 'True', 'False', 'False'],
  ] as const)(
    'with readiness %s and gate %s: ContainersReady %s, Ready %s',
    (isReady, gate, containers, ready) => {
      const status = podStatus(pod(gate), facts({ isReady }), [], T0);
      expect(conditions(status)).toMatchObject({
        Initialized: 'True',
        ContainersReady: containers,
        Ready: ready,
      });
    },
  );

  it("leaves the gate's condition to whoever sets it", () => {
    expect(conditions(podStatus(pod('True'), facts(), [], T0))).not.toHaveProperty([READINESS_GATE]);
  });

  it('moves a transition time only with its status', () => {
    const first = podStatus(pod(), facts(), [], T0).conditions ?? [];
    const second = podStatus(pod('True'), facts(), first, T1).conditions ?? [];
    const since = Object.fromEntries(
      second.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
    );
    expect(since).toMatchObject({ ContainersReady: T0, Ready: T1 });
  });

  it('tells a sidecar from an init container that is done', () => {
    const [fetch, ollama] = podStatus(pod(), facts(), [], T0).initContainerStatuses ?? [];
    expect(fetch?.state?.terminated).toMatchObject({ exitCode: 0 });
    expect(ollama?.state?.running).toBeDefined();
  });

  it('shows a container that crashed, and how it ended before', () => {
    const last = { exitCode: 137, signal: 9, since: T0, until: T1 };
    const state = { kind: 'backing-off' as const, reason: 'ended by SIGKILL' };
    const status = podStatus(pod('True'), facts({ isReady: false, restarts: 2, state, last }), [], T1);
    expect(status.containerStatuses?.[0]).toMatchObject({
      ready: false,
      restartCount: 2,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 137, signal: 9 } },
    });
    expect(conditions(status)).toMatchObject({ Ready: 'False' });
  });
});

describe("a container's environment", () => {
  const from = (fieldPath: string) => ({ fieldRef: { fieldPath } });

  it('holds values and fields of the pod', () => {
    const env = [
      { name: 'PLAIN', value: 'x' },
      { name: 'NAME', valueFrom: from('metadata.name') },
      { name: 'UID', valueFrom: from('metadata.uid') },
      { name: 'IP', valueFrom: from('status.podIP') },
    ];
    expect(containerEnvironment(pod(), { name: 'worker', env }, '127.20.0.9')).toEqual({
      PLAIN: 'x',
      NAME: 'cpu-main-0',
      UID: 'u1',
      IP: '127.20.0.9',
    });
  });

  it('refuses a source that is not played', () => {
    const env = [{ name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }];
    expect(() => containerEnvironment(pod(), { name: 'worker', env }, '')).toThrow(/^S comes from a source/);
  });
});

describe('addresses', () => {
  it('are given once, and one that came back is given as late as possible', () => {
    const addresses = new Addresses('127.77');
    const first = addresses.take();
    addresses.giveBack(first);
    const others = new Set(Array.from({ length: 1000 }, () => addresses.take()));
    expect([first, others.size, others.has(first)]).toEqual(['127.77.0.1', 1000, false]);
  });
});

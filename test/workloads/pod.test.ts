import { loadConfig } from '../../worker/config.ts';
import { containerOf, cpu, elastic, envOf, gpu, onGpu, persistent, podOf } from './fixtures.ts';

const workloads = [persistent, elastic, onGpu] as const;
const every = workloads.map((workload) => [workload().metadata?.name, podOf(workload())] as const);

describe.each(every)('the pod of %s', (_name, pod) => {
  it('runs Ollama as a native sidecar beside the worker, so that it outlives the drain', () => {
    expect(pod.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([
      ['fetch-worker', undefined],
      ['ollama', 'Always'],
    ]);
    expect(pod.containers.map(({ name }) => name)).toEqual(['worker']);
  });

  it('has the worker as its only door: Ollama listens on localhost and exposes no port', () => {
    expect(envOf(pod, 'ollama').OLLAMA_HOST).toBe('127.0.0.1:11434');
    expect(containerOf(pod, 'ollama').ports).toBeUndefined();
    expect(envOf(pod, 'worker').OLLAMA_HOST).toBe('http://127.0.0.1:11434');
    expect(containerOf(pod, 'worker').ports).toEqual([
      { name: 'http', containerPort: 8080, protocol: 'TCP' },
      { name: 'metrics', containerPort: 9090, protocol: 'TCP' },
    ]);
  });

  it('keeps models loaded and partial pulls, and leaves the choice of GPU to Ollama', () => {
    const env = envOf(pod, 'ollama');

    expect(env).toMatchObject({ OLLAMA_KEEP_ALIVE: '-1', OLLAMA_NOPRUNE: '1' });
    expect(env).not.toHaveProperty('CUDA_VISIBLE_DEVICES');
    expect(env.OLLAMA_NUM_PARALLEL).toBe(envOf(pod, 'worker').PADDOCK_SLOTS);
  });

  it('probes Ollama from inside, and the worker over HTTP', () => {
    const worker = containerOf(pod, 'worker');

    expect(containerOf(pod, 'ollama').startupProbe?.exec?.command).toEqual(['ollama', 'list']);
    expect(containerOf(pod, 'ollama').livenessProbe?.exec?.command).toEqual(['ollama', 'list']);
    expect(worker.readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'http' });
    expect(worker.livenessProbe?.httpGet).toEqual({ path: '/healthz', port: 'http' });
  });

  it('is not ready before the warm gate is set', () => {
    expect(pod.readinessGates).toEqual([{ conditionType: 'paddock.dev/warm' }]);
  });

  it('gets more grace than the drain needs, and less than EKS gives', () => {
    const drain = Number(envOf(pod, 'worker').PADDOCK_DRAIN_SECONDS);

    expect(drain).toBe(120);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(drain);
    expect(pod.terminationGracePeriodSeconds).toBeLessThan(900);
  });

  it('has its node to itself', () => {
    expect(pod.priorityClassName).toBe('paddock-serving');
    expect(pod.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution).toEqual([
      {
        labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'ollama' } },
        topologyKey: 'kubernetes.io/hostname',
      },
    ]);
  });

  it('runs nothing as root, privileged, or with a writable root', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const container of [...(pod.initContainers ?? []), ...pod.containers])
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
  });

  it('refuses worker code that is not what was synthesized', () => {
    const fetch = containerOf(pod, 'fetch-worker');

    expect(fetch.command?.slice(0, 2)).toEqual(['/bin/sh', '-ec']);
    expect(fetch.command?.[2]).toMatch(
      /^aws s3 cp .*\necho "\$BUNDLE_SHA256 {2}\/opt\/paddock\/worker.mjs" \| sha256sum -c -$/,
    );
    expect(containerOf(pod, 'worker').command).toEqual(['node', '/opt/paddock/worker.mjs']);
    expect(containerOf(pod, 'worker').volumeMounts).toContainEqual({
      name: 'code',
      mountPath: '/opt/paddock',
      readOnly: true,
    });
  });

  it('mounts only volumes that it has', () => {
    const volumes = [...(pod.volumes ?? []).map(({ name }) => name), 'models'];

    for (const container of [...(pod.initContainers ?? []), ...pod.containers])
      for (const mount of container.volumeMounts ?? []) expect(volumes).toContain(mount.name);
  });

  it('hands the worker an environment that it understands', () => {
    const env = envOf(pod, 'worker');

    expect(() => loadConfig(env as NodeJS.ProcessEnv)).not.toThrow();
    expect(env).toMatchObject({
      POD_NAME: 'metadata.name',
      POD_UID: 'metadata.uid',
      POD_NAMESPACE: 'metadata.namespace',
      PADDOCK_MODELS: 'llama3.1:8b',
      PADDOCK_VISIBILITY_SECONDS: '30',
      AWS_REGION: 'us-east-1',
    });
  });
});

describe('where pods land', () => {
  it('is their own pool: they select its labels and tolerate its taint', () => {
    const pod = podOf(elastic());

    expect(pod.nodeSelector).toEqual({ 'paddock.dev/fleet': 'cpu', 'paddock.dev/pool': 'spot' });
    expect(pod.tolerations).toEqual([
      { key: 'paddock.dev/pool', operator: 'Equal', value: 'cpu-spot', effect: 'NoSchedule' },
    ]);
  });

  it('is a GPU node for the gpu preset, all of whose GPUs they take', () => {
    const pod = podOf(onGpu());

    expect(pod.nodeSelector).toMatchObject({ accelerator: 'nvidia' });
    expect(pod.tolerations).toContainEqual({
      key: 'nvidia.com/gpu',
      operator: 'Equal',
      value: 'present',
      effect: 'NoSchedule',
    });
    expect(containerOf(pod, 'ollama').resources?.limits).toMatchObject({ 'nvidia.com/gpu': '1' });
  });

  it('is the zone of their volume for persistent pools, any zone for elastic ones', () => {
    const terms = podOf(persistent()).affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;

    expect(terms?.nodeSelectorTerms).toEqual([
      { matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'In', values: ['us-east-1a'] }] },
    ]);
    expect(podOf(elastic()).affinity?.nodeAffinity).toBeUndefined();
  });

  it('asks for 6 to 8 CPU and 12 to 16 GB on CPU', () => {
    expect(containerOf(podOf(persistent()), 'ollama').resources).toEqual({
      requests: { cpu: '6', memory: '12Gi' },
      limits: { cpu: '8', memory: '16Gi' },
    });
  });
});

describe('workloads', () => {
  it('never state replicas: the scaler owns the number', () => {
    const all = [...cpu, ...gpu].filter(
      ({ kind, metadata }) =>
        (kind === 'StatefulSet' || kind === 'Deployment') && !metadata?.labels?.['paddock.dev/canary'],
    );

    expect(all).toHaveLength(6);
    for (const workload of all) expect(workload).not.toHaveProperty('spec.replicas');
  });

  it('start the pods of a persistent pool in parallel, each with its own volume', () => {
    const { spec } = persistent();

    expect(spec?.podManagementPolicy).toBe('Parallel');
    expect(spec?.volumeClaimTemplates?.[0]).toMatchObject({
      metadata: { name: 'models' },
      spec: { storageClassName: 'paddock-gp3', resources: { requests: { storage: '60Gi' } } },
    });
    expect(podOf(persistent()).volumes?.map(({ name }) => name)).not.toContain('models');
  });

  it('replace elastic pods without a spare node, and bound what models may fill', () => {
    expect(elastic().spec?.strategy).toEqual({
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge: 0, maxUnavailable: 1 },
    });
    expect(podOf(elastic()).volumes).toContainEqual({ name: 'models', emptyDir: { sizeLimit: '60Gi' } });
  });

  it('select exactly the pods of their own template', () => {
    for (const workload of [persistent(), elastic(), onGpu()])
      expect(workload.spec?.selector.matchLabels).toEqual(workload.spec?.template.metadata?.labels);
  });
});

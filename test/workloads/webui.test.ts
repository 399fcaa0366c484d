import type { V1Deployment, V1PersistentVolumeClaim, V1Service } from '@kubernetes/client-node';
import config from '../../paddock.config.ts';
import { webuiManifests } from '../../workloads/index.ts';
import { containerOf, envOf, find, podOf } from './fixtures.ts';

const { webui, images, volumeType, fleets } = config;
const of = (changes: Partial<Parameters<typeof webuiManifests>[0]> = {}) =>
  webuiManifests({ ...webui, image: images.webui, volumeType, fleets, ...changes });
const deployment = (manifests = of()) => find<V1Deployment>(manifests, 'Deployment', 'webui');
const pod = podOf(deployment());
const envWith = (changes: Parameters<typeof of>[0]) => envOf(podOf(deployment(of(changes))), 'webui');
const env = envWith({});

describe('Open WebUI', () => {
  it('is one pod that ends before its successor opens the volume', () => {
    expect(deployment().spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
    expect(find<V1PersistentVolumeClaim>(of(), 'PersistentVolumeClaim', 'webui').spec).toMatchObject({
      storageClassName: 'paddock-gp3',
      resources: { requests: { storage: '10Gi' } },
    });
  });

  it('wants people to sign in, and lets nobody sign up but the first, who administers it', () => {
    expect(env).toMatchObject({
      WEBUI_AUTH: 'True',
      ENABLE_SIGNUP: 'False',
      ENABLE_INITIAL_ADMIN_SIGNUP: 'True',
      // Else what the first start copied into the database would win over these.
      ENABLE_PERSISTENT_CONFIG: 'False',
    });
  });

  it("finds each fleet behind the router's port for it, and tells their models apart", () => {
    expect(env.OLLAMA_BASE_URLS).toBe(
      'http://router.paddock.svc.cluster.local:8081/fleets/cpu;http://router.paddock.svc.cluster.local:8081/fleets/gpu',
    );
    expect(JSON.parse(env.OLLAMA_API_CONFIGS ?? '')).toEqual({
      0: { enable: true, prefix_id: 'cpu' },
      1: { enable: true, prefix_id: 'gpu' },
    });
    expect(envWith({ fleets: fleets.slice(0, 1) })).not.toHaveProperty('OLLAMA_API_CONFIGS');
  });

  it('waits for a generation for longer than the router does', () => {
    const slow = [{ name: 'slow', requestTimeoutSeconds: 3600 }];

    expect(Number(envWith({ fleets: [...fleets, ...slow] }).AIOHTTP_CLIENT_TIMEOUT)).toBeGreaterThan(3615);
  });

  it('takes calls from its own pages alone once its URL is known', () => {
    expect(envWith({ url: 'https://chat.example.com/' })).toMatchObject({
      WEBUI_URL: 'https://chat.example.com/',
      CORS_ALLOW_ORIGIN: 'https://chat.example.com',
      WEBUI_SESSION_COOKIE_SECURE: 'True',
    });
  });

  it('runs on the system nodes, not as root, and writes only to its volumes', () => {
    expect(pod).toMatchObject({
      nodeSelector: { 'paddock.dev/role': 'system' },
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000 },
    });
    for (const { securityContext } of [...pod.containers, ...(pod.initContainers ?? [])])
      expect(securityContext?.readOnlyRootFilesystem).toBe(true);
    const mounts = containerOf(pod, 'webui').volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
    for (const path of [env.DATA_DIR, env.STATIC_DIR, env.HOME])
      expect(mounts.some((mount) => path === mount || path?.startsWith(`${mount}/`))).toBe(true);
  });

  it('has a service at the port of its pod, as the network policy needs it', () => {
    const { spec } = find<V1Service>(of(), 'Service', 'webui');
    const [port] = containerOf(pod, 'webui').ports ?? [];

    expect(spec?.ports).toMatchObject([{ port: port?.containerPort, targetPort: port?.name }]);
    expect(spec?.type).toBeUndefined();
  });
});

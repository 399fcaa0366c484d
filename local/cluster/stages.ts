import { LABEL } from '../../core/protocol/names.ts';
import { APP_ROUTER } from '../../workloads/names.ts';

/**
 * What KWOK plays: nodes that are Ready and send heartbeats, pods that are not of a fleet, and the volumes that a storage
 * driver would provision. A fleet's pods and the router's carry labels and are left to the local stand-ins of the kubelet.
 */

type Kind = 'Node' | 'Pod' | 'PersistentVolumeClaim' | 'PersistentVolume';

/** A jq expression over the object and what its values must be. KWOK's CEL lacks the macros for lists. */
interface Requirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: string[];
}

const exists = (key: string): Requirement => ({ key, operator: 'Exists' });
const absent = (key: string): Requirement => ({ key, operator: 'DoesNotExist' });
const is = (key: string, value: string): Requirement => ({ key, operator: 'In', values: [value] });
const isNot = (key: string, value: string): Requirement => ({ key, operator: 'NotIn', values: [value] });

/** At most one stage may fit an object at a time: between several KWOK chooses at random. */
const stage = (
  name: string,
  kind: Kind,
  when: Requirement[],
  steps: object[],
  delayMs?: [number, number],
): object => ({
  apiVersion: 'kwok.x-k8s.io/v1alpha1',
  kind: 'Stage',
  metadata: { name },
  spec: {
    resourceRef: { apiGroup: 'v1', kind },
    selector: { matchExpressions: when.map((jq) => ({ jq })) },
    weight: 1,
    ...(delayMs === undefined
      ? {}
      : { delay: { durationMilliseconds: delayMs[0], jitterDurationMilliseconds: delayMs[1] } }),
    steps,
  },
});

const setStatus = (template: string): object => ({
  patch: { subresource: 'status', root: 'status', template },
});

const DELETED = '.metadata.deletionTimestamp';
const NODE_READY = '.status.conditions.[] | select( .type == "Ready" ) | .status';
const FLEET = `.metadata.labels["${LABEL.fleet}"]`;
const APP = `.metadata.labels["${LABEL.app}"]`;
const annotation = (name: string): string => `.metadata.annotations["${name}"]`;

/** Transition times stay those of the first report: a heartbeat is no transition. */
const NODE_CONDITIONS = `{{ $now := Now }}
{{ $since := or .metadata.creationTimestamp $now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $since | Quote }}
{{ end }}
`;

/** Whoever creates a node states its capacity and addresses; KWOK reports that it is up. */
const nodeStages: object[] = [
  stage(
    'node-ready',
    'Node',
    [absent(DELETED), isNot(NODE_READY, 'True')],
    [setStatus(`${NODE_CONDITIONS}phase: Running\n`)],
  ),
  // The lease is the heartbeat that counts; the full status follows as rarely as a kubelet's.
  stage(
    'node-heartbeat',
    'Node',
    [absent(DELETED), is(NODE_READY, 'True')],
    [setStatus(NODE_CONDITIONS)],
    [280_000, 320_000],
  ),
];

/** A pod with readiness gates stays unready: who owns a gate sets it, and KWOK owns none. */
const POD_RUNNING = `{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
{{ $ready := "True" }}
{{ if .spec.readinessGates }}{{ $ready = "False" }}{{ end }}
conditions:
- type: Initialized
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
- type: ContainersReady
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
- type: Ready
  status: {{ $ready | Quote }}
  lastTransitionTime: {{ $now | Quote }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  started: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
  {{ if eq .restartPolicy "Always" }}
  started: true
  state:
    running:
      startedAt: {{ $now | Quote }}
  {{ else }}
  state:
    terminated:
      exitCode: 0
      reason: Completed
      startedAt: {{ $now | Quote }}
      finishedAt: {{ $now | Quote }}
  {{ end }}
{{ end }}
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
{{ with PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
`;

const podStages: object[] = [
  stage(
    'pod-running',
    'Pod',
    [absent(FLEET), isNot(APP, APP_ROUTER), absent(DELETED), is('.status.phase', 'Pending')],
    [setStatus(POD_RUNNING)],
  ),
  stage('pod-gone', 'Pod', [absent(FLEET), isNot(APP, APP_ROUTER), exists(DELETED)], [{ delete: true }]),
];

const PROVISIONER = 'volume.kubernetes.io/storage-provisioner';

/**
 * The volume controller names the provisioner on a claim once the volume is wanted (with `WaitForFirstConsumer`: once
 * the pod has a node); it binds and releases as ever. Nothing is mounted, so the path need not exist.
 */
const PROVISIONED_VOLUME = `apiVersion: v1
kind: PersistentVolume
metadata:
  name: pvc-{{ .metadata.uid }}
  annotations:
    pv.kubernetes.io/provisioned-by: {{ index .metadata.annotations "${PROVISIONER}" | Quote }}
spec:
  accessModes:
  {{ YAML .spec.accessModes 2 }}
  capacity:
  {{ YAML .spec.resources.requests 2 }}
  persistentVolumeReclaimPolicy: Delete
  storageClassName: {{ .spec.storageClassName | Quote }}
  volumeMode: {{ or .spec.volumeMode "Filesystem" | Quote }}
  claimRef:
    apiVersion: v1
    kind: PersistentVolumeClaim
    namespace: {{ .metadata.namespace | Quote }}
    name: {{ .metadata.name | Quote }}
    uid: {{ .metadata.uid | Quote }}
  hostPath:
    path: /nonexistent/pvc-{{ .metadata.uid }}
`;

/** @param namespace whose claims are provisioned; undefined: all, where no storage driver does it */
const volumeStages = (namespace: string | undefined): object[] => {
  const inNamespace = (path: string): Requirement[] => (namespace === undefined ? [] : [is(path, namespace)]);
  return [
    stage(
      'claim-provisioned',
      'PersistentVolumeClaim',
      [
        ...inNamespace('.metadata.namespace'),
        absent(DELETED),
        exists(annotation(PROVISIONER)),
        absent('.spec.volumeName'),
      ],
      [{ apply: { template: PROVISIONED_VOLUME } }],
    ),
    stage(
      'volume-released',
      'PersistentVolume',
      [
        ...inNamespace('.spec.claimRef.namespace'),
        absent(DELETED),
        exists(annotation('pv.kubernetes.io/provisioned-by')),
        is('.spec.persistentVolumeReclaimPolicy', 'Delete'),
        is('.status.phase', 'Released'),
      ],
      [{ delete: true }],
    ),
  ];
};

/** KWOK's configuration file: one document per stage (JSON is YAML). `namespace`: its volumes only. */
export function kwokConfig(namespace?: string): string {
  const documents = [...nodeStages, ...podStages, ...volumeStages(namespace)];
  return documents.map((document) => JSON.stringify(document, null, 2)).join('\n---\n');
}

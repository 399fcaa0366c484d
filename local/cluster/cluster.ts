import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ComponentError, type ManagedProcess, Supervisor } from '../processes.ts';
import type { Progress } from '../progress.ts';
import { type ApiAccess, apiStatus } from './api.ts';
import { type Binaries, ensureBinaries } from './binaries.ts';
import type { ObjectRef } from './claim.ts';
import { type Credentials, createCredentials, kubeconfig } from './credentials.ts';
import {
  apiserverFlags,
  auditPolicy,
  controllerManagerFlags,
  etcdFlags,
  kwokFlags,
  schedulerConfig,
  schedulerFlags,
} from './flags.ts';
import { freePorts, requireFreePort } from './ports.ts';
import { kwokConfig } from './stages.ts';

export interface Cluster {
  /** Of an administrator (`system:masters` in a cluster that was started here). */
  readonly kubeconfigPath: string;
  /** `https://127.0.0.1:<port>`; takes EKS tokens. */
  readonly server: string;
  /** PEM of the serving CA, base64: what EKS calls `certificateAuthority.data`. */
  readonly caData: string;
  /** The API server's audit log (see `auditPolicy`); undefined unless one was asked for. */
  readonly auditLog: string | undefined;
  /** Labels for the nodes that are added, by which they are told from others'; none in a cluster of our own. */
  readonly nodeLabels: Readonly<Record<string, string>>;
  /** Told before objects are applied. Throws when the cluster, not being our own, has one of them already. */
  claim(objects: readonly ObjectRef[]): Promise<void>;
  /** Ends the API server and starts it again at the same address; resolves when it is ready. */
  restartApiserver(): Promise<void>;
  /** Ends what was started for it; from an existing cluster all that was claimed and every marked node is removed. */
  stop(): Promise<void>;
}

export interface StartClusterOptions {
  cacheDir: string;
  /** Data, keys and logs; what an earlier cluster left there is replaced. Hold its instance lock. */
  stateDir: string;
  /** Minor version, such as `1.36`. */
  kubernetesVersion: string;
  /** Where the API server posts TokenReviews (plain http is fine). */
  authenticatorUrl: string;
  progress: Progress;
  /** Port of the API server; default: any free one. */
  port?: number;
  /** Keep an audit log. Default false. */
  audit?: boolean;
  /** Default: one of its own in `stateDir`. */
  supervisor?: Supervisor;
  /** A component ended unasked (only without `supervisor`). Default: the error is thrown and ends this process. */
  onFailure?: (error: ComponentError) => void;
}

/** The API server would wait for its open watches; nothing here is worth waiting for. Milliseconds. */
const GRACE_MS = 1_000;

/** Everything that the components need to know of each other. */
interface Setup {
  binaries: Binaries;
  supervisor: Supervisor;
  credentials: Credentials;
  ports: { apiserver: number; etcd: number; etcdPeer: number };
  server: string;
  /** Undefined unless it was asked for. */
  audit: { policy: string; log: string } | undefined;
  /** Paths below the state folder. */
  file(name: string): string;
  log(component: string): string;
}

/**
 * A real Kubernetes control plane on loopback, empty at each start: etcd, kube-apiserver, controller-manager and
 * scheduler, and KWOK for nodes annotated `kwok.x-k8s.io/node: fake`. Resolves when pods can be created.
 * Throws BuildError (no binaries and they can't be built), ComponentError with the last log lines, or an error that
 * names the taken port; whatever had been started is stopped then.
 */
export async function startCluster(options: StartClusterOptions): Promise<Cluster> {
  const { cacheDir, kubernetesVersion, progress } = options;
  const binaries = await ensureBinaries({ cacheDir, kubernetesVersion, progress });
  return progress.step(`Starting Kubernetes ${kubernetesVersion}`, async () => {
    const setup = await prepare(options, binaries);
    const running = new ControlPlane(setup, options.authenticatorUrl);
    try {
      await running.start();
    } catch (error) {
      await running.stop();
      throw error;
    }
    return running;
  });
}

async function prepare(options: StartClusterOptions, binaries: Binaries): Promise<Setup> {
  const { stateDir, port } = options;
  const dir = join(stateDir, 'cluster');
  rmSync(join(dir, 'etcd'), { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (port !== undefined) {
    await requireFreePort(port, 'the local API server');
  }
  const [etcd = 0, etcdPeer = 0, anyPort = 0] = await freePorts(3);
  const apiserver = port ?? anyPort;
  return {
    binaries,
    supervisor:
      options.supervisor ??
      new Supervisor({
        stateDir,
        ...(options.onFailure === undefined ? {} : { onUnexpectedExit: options.onFailure }),
      }),
    credentials: createCredentials(join(dir, 'pki')),
    ports: { apiserver, etcd, etcdPeer },
    server: `https://127.0.0.1:${apiserver}`,
    audit: options.audit ? prepareAudit(dir) : undefined,
    file: (name) => join(dir, name),
    log: (component) => join(stateDir, 'logs', `${component}.log`),
  };
}

function prepareAudit(dir: string): { policy: string; log: string } {
  const [policy, log] = [join(dir, 'audit-policy.json'), join(dir, 'audit.log')];
  writeFileSync(policy, auditPolicy());
  rmSync(log, { force: true });
  return { policy, log };
}

class ControlPlane implements Cluster {
  readonly kubeconfigPath: string;
  readonly server: string;
  caData = '';
  readonly auditLog: string | undefined;
  readonly nodeLabels = {};
  readonly #setup: Setup;
  readonly #authenticatorUrl: string;
  /** In the order of their start. */
  #components: ManagedProcess[] = [];
  #apiserver: ManagedProcess | undefined;
  readonly #givenUp = new AbortController();

  constructor(setup: Setup, authenticatorUrl: string) {
    this.#setup = setup;
    this.#authenticatorUrl = authenticatorUrl;
    this.server = setup.server;
    this.kubeconfigPath = setup.file('admin.kubeconfig');
    this.auditLog = setup.audit?.log;
  }

  async start(): Promise<void> {
    writeFileSync(this.#setup.file('authenticator.kubeconfig'), kubeconfig(this.#authenticatorUrl, {}));
    // The API server waits for etcd by itself: both load at once.
    await this.#together([this.#startEtcd(), this.#startApiserver()]);
    const certificate = readFileSync(this.#setup.credentials.servingCertificate);
    this.caData = certificate.toString('base64');
    writeFileSync(
      this.kubeconfigPath,
      kubeconfig(this.server, { token: this.#setup.credentials.adminToken }, this.caData),
      { mode: 0o600 },
    );
    await this.#together([this.#startControllerManager(), this.#startScheduler(), this.#startKwok()]);
  }

  async claim(): Promise<void> {}

  async restartApiserver(): Promise<void> {
    await this.#apiserver?.stop();
    this.#components = this.#components.filter((component) => component !== this.#apiserver);
    await this.#startApiserver();
  }

  /** First those that only call the API server, then it, then what it stands on. */
  async stop(): Promise<void> {
    const foundation = ['kube-apiserver', 'etcd'];
    const stopThose = (wanted: (name: string) => boolean): Promise<unknown> =>
      Promise.all(this.#components.filter(({ name }) => wanted(name)).map((component) => component.stop()));
    await stopThose((name) => !foundation.includes(name));
    for (const component of foundation) {
      await stopThose((name) => name === component);
    }
    this.#components = [];
  }

  /** When one fails the others are given up, and nothing is still being started when the failure is reported. */
  async #together(starts: Promise<void>[]): Promise<void> {
    try {
      await Promise.all(starts);
    } catch (error) {
      this.#givenUp.abort();
      await Promise.allSettled(starts);
      throw error;
    }
  }

  async #run(
    name: string,
    binary: string,
    args: string[],
    readiness?: () => Promise<boolean>,
    onExit?: () => void,
  ): Promise<ManagedProcess> {
    const component = await this.#setup.supervisor.start(name, binary, args, {
      logFile: this.#setup.log(name),
      signal: this.#givenUp.signal,
      graceMs: GRACE_MS,
      ...(readiness === undefined ? {} : { readiness }),
      ...(onExit === undefined ? {} : { onExit }),
    });
    this.#components.push(component);
    return component;
  }

  async #startEtcd(): Promise<void> {
    const { binaries, ports, file } = this.#setup;
    const dataDir = file('etcd');
    await this.#run(
      'etcd',
      binaries.etcd,
      etcdFlags({ dataDir, clientPort: ports.etcd, peerPort: ports.etcdPeer }),
      async () => (await fetch(`http://127.0.0.1:${ports.etcd}/health`)).ok,
    );
  }

  async #startApiserver(): Promise<void> {
    const { binaries, credentials, ports, file, audit } = this.#setup;
    const args = apiserverFlags({
      ...(audit && { audit }),
      port: ports.apiserver,
      etcdPort: ports.etcd,
      credentials,
      authenticatorConfig: file('authenticator.kubeconfig'),
    });
    this.#apiserver = await this.#run(
      'kube-apiserver',
      binaries.kubeApiserver,
      args,
      async () => (await apiStatus(this.#access(), '/readyz')) === 200,
    );
  }

  async #startControllerManager(): Promise<void> {
    const { binaries, credentials } = this.#setup;
    const args = controllerManagerFlags({
      kubeconfig: this.kubeconfigPath,
      rootCa: credentials.servingCertificate,
      credentials,
    });
    // No pod can be created in a namespace before its default service account exists.
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await this.#run(
      'kube-controller-manager',
      binaries.kubeControllerManager,
      args,
      async () => (await apiStatus(this.#access(), account)) === 200,
    );
  }

  /**
   * It ends itself when an API server that restarted tells it of a pod on another node than it remembers ('scheduler cache is
   * corrupted'). EKS starts it again; so does this, a few times.
   */
  async #startScheduler(restarts = 5): Promise<void> {
    const config = this.#setup.file('scheduler.yaml');
    writeFileSync(config, schedulerConfig(this.kubeconfigPath));
    const again = () => {
      this.#components = this.#components.filter(({ name }) => name !== 'kube-scheduler');
      void this.#startScheduler(restarts - 1);
    };
    await this.#run(
      'kube-scheduler',
      this.#setup.binaries.kubeScheduler,
      schedulerFlags(config),
      undefined,
      restarts > 0 ? again : undefined,
    );
  }

  async #startKwok(): Promise<void> {
    const configFile = this.#setup.file('kwok.yaml');
    writeFileSync(configFile, kwokConfig());
    await this.#run(
      'kwok',
      this.#setup.binaries.kwok,
      kwokFlags({ kubeconfig: this.kubeconfigPath, configFile }),
    );
  }

  #access(): ApiAccess {
    const { credentials } = this.#setup;
    return {
      server: this.server,
      ca: readFileSync(credentials.servingCertificate, 'utf8'),
      token: credentials.adminToken,
    };
  }
}

import { readFileSync, writeFileSync } from 'node:fs';
import type { ManagedProcess, Supervisor } from '../processes.ts';
import { type ApiAccess, apiStatus } from './api.ts';
import type { Binaries } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { type Credentials, kubeconfig } from './credentials.ts';
import {
  apiserverFlags,
  controllerManagerFlags,
  etcdFlags,
  kwokFlags,
  schedulerConfig,
  schedulerFlags,
} from './flags.ts';
import { kwokConfig } from './stages.ts';

/** The API server would wait for its open watches; nothing here is worth waiting for. Milliseconds. */
const GRACE_MS = 1_000;

/** Everything that the components need to know of each other. */
export interface Setup {
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

/** The processes of one cluster that was started here. */
export class ControlPlane implements Cluster {
  readonly kubeconfigPath: string;
  readonly server: string;
  caData = '';
  readonly auditLog: string | undefined;
  readonly nodeLabels = {};
  readonly #setup: Setup;
  readonly #authenticatorUrl: string;
  /** In the order of their start. */
  #components: ManagedProcess[] = [];
  #binaries: Binaries;
  readonly #install: (kubernetesVersion: string) => Promise<Binaries>;
  readonly #givenUp = new AbortController();

  /** @param install gives the programs of another version, building them where they are missing */
  constructor(
    setup: Setup,
    authenticatorUrl: string,
    install: (kubernetesVersion: string) => Promise<Binaries>,
  ) {
    this.#setup = setup;
    this.#binaries = setup.binaries;
    this.#install = install;
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
    await this.#end('kube-apiserver');
    await this.#startApiserver();
  }

  async changeVersion(kubernetesVersion: string): Promise<void> {
    const before = this.#binaries;
    const after = await this.#install(kubernetesVersion);
    try {
      await this.#replaceBy(after);
    } catch (error) {
      await this.#replaceBy(before);
      throw error;
    }
  }

  /** All but etcd and KWOK, which are the same in every version. The controllers must not be newer than their API server. */
  async #replaceBy(binaries: Binaries): Promise<void> {
    await this.#end('kube-scheduler', 'kube-controller-manager');
    await this.#end('kube-apiserver');
    this.#binaries = binaries;
    await this.#startApiserver();
    await Promise.all([this.#startControllerManager(), this.#startScheduler()]);
  }

  /** First those that only call the API server, then it, then what it stands on. */
  async stop(): Promise<void> {
    const foundation = ['kube-apiserver', 'etcd'];
    await this.#end(...this.#components.map(({ name }) => name).filter((name) => !foundation.includes(name)));
    for (const component of foundation) await this.#end(component);
  }

  async #end(...names: string[]): Promise<void> {
    const ending = this.#components.filter(({ name }) => names.includes(name));
    this.#components = this.#components.filter((component) => !ending.includes(component));
    await Promise.all(ending.map((component) => component.stop()));
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
    const { ports, file } = this.#setup;
    const dataDir = file('etcd');
    await this.#run(
      'etcd',
      this.#binaries.etcd,
      etcdFlags({ dataDir, clientPort: ports.etcd, peerPort: ports.etcdPeer }),
      async () => (await fetch(`http://127.0.0.1:${ports.etcd}/health`)).ok,
    );
  }

  async #startApiserver(): Promise<void> {
    const { credentials, ports, file, audit } = this.#setup;
    const args = apiserverFlags({
      ...(audit && { audit }),
      port: ports.apiserver,
      etcdPort: ports.etcd,
      credentials,
      authenticatorConfig: file('authenticator.kubeconfig'),
    });
    await this.#run(
      'kube-apiserver',
      this.#binaries.kubeApiserver,
      args,
      async () => (await apiStatus(this.#access(), '/readyz')) === 200,
    );
  }

  async #startControllerManager(): Promise<void> {
    const { credentials } = this.#setup;
    const args = controllerManagerFlags({
      kubeconfig: this.kubeconfigPath,
      rootCa: credentials.servingCertificate,
      credentials,
    });
    // No pod can be created in a namespace before its default service account exists.
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await this.#run(
      'kube-controller-manager',
      this.#binaries.kubeControllerManager,
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
      this.#binaries.kubeScheduler,
      schedulerFlags(config),
      undefined,
      restarts > 0 ? again : undefined,
    );
  }

  async #startKwok(): Promise<void> {
    const configFile = this.#setup.file('kwok.yaml');
    writeFileSync(configFile, kwokConfig());
    await this.#run('kwok', this.#binaries.kwok, kwokFlags({ kubeconfig: this.kubeconfigPath, configFile }));
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

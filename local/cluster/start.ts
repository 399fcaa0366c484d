import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ComponentError, Supervisor } from '../processes.ts';
import type { Progress } from '../progress.ts';
import { type Binaries, ensureBinaries } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { ControlPlane, type Setup } from './control-plane.ts';
import { createCredentials } from './credentials.ts';
import { auditPolicy } from './flags.ts';
import { freePorts, requireFreePort } from './ports.ts';

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
    const install = (version: string) => ensureBinaries({ cacheDir, kubernetesVersion: version, progress });
    const running = new ControlPlane(setup, options.authenticatorUrl, install);
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

import { join } from 'node:path';
import type { PaddockConfig } from '../../infra/config/index.ts';
import { ROUTER_PORTS } from '../../workloads/names.ts';
import { nginxConfig, type RouterSite } from '../../workloads/router/index.ts';

/** Addresses of each fleet's ready pods. */
export type ReadyPods = Readonly<Record<string, readonly string[]>>;

/** The configuration of a router pod on this machine: as in the cluster, but its neighbours are stated, not looked up. */
export function localNginxConfig(
  { fleets, router }: Pick<PaddockConfig, 'fleets' | 'router'>,
  {
    podIP,
    dir,
    pods,
    keepsByDefault,
  }: { podIP: string; dir: string; pods: ReadyPods; keepsByDefault: boolean },
): string {
  const { public: clients, backend, webui, internal } = ROUTER_PORTS;
  const site: RouterSite = {
    listen: {
      public: `${podIP}:${clients.port}`,
      backend: `${podIP}:${backend.port}`,
      webui: `${podIP}:${webui.port}`,
      internal: `${podIP}:${internal.port}`,
    },
    pods: { addresses: pods, keepsByDefault },
    // Open WebUI has no process here: its port says that it does not answer.
    webui: '127.0.0.1:1',
    ...(process.getuid?.() === 0 && { user: 'root' }),
    runDir: dir,
    accessLog: join(dir, 'access.log'),
    errorLog: join(dir, 'error.log'),
    workerProcesses: 1,
    // A reload leaves the generations that are under way to the old workers.
    shutdownSeconds: Math.max(...fleets.map(({ requestTimeoutSeconds }) => requestTimeoutSeconds)),
  };
  return nginxConfig(fleets, router, site);
}

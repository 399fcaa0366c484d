import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { LocalSystem } from './system/system.ts';

const sessionSchema = z.strictObject({
  pid: z.int().positive(),
  endpointUrl: z.url(),
  region: z.string(),
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
  cluster: z.string(),
  fleet: z.string(),
  table: z.string(),
  kubeconfig: z.string(),
  /** Stands for the models' public registry. */
  registry: z.url().optional(),
  /** Missing when the configuration has no gateway. */
  gateway: z.strictObject({ url: z.url(), apiKey: z.string() }).optional(),
  /** Where `paddock fault` strikes. */
  faults: z.strictObject({ url: z.url(), token: z.string() }).optional(),
});

/** Where `npm start` keeps its state. */
export const DEFAULT_STATE_DIR = '.paddock/local';

/** What to say where none runs. */
export function noLocalSystem(stateDir: string): string {
  const where = resolve(stateDir) === resolve(DEFAULT_STATE_DIR) ? '' : ` with the state folder ${stateDir}`;
  return `No local system is running here${where}. Start one with \`npm start\` (and ask from a second terminal).`;
}

/** How commands reach the running local system. */
export type Session = z.infer<typeof sessionSchema>;

const fileOf = (stateDir: string): string => join(stateDir, 'session.json');

/** The key in it opens the local front only; it is readable by its owner alone. */
export function writeSession(stateDir: string, session: Session): void {
  writeFileSync(fileOf(stateDir), `${JSON.stringify(session, null, 2)}\n`, { mode: 0o600 });
}

/** Lets commands find this system, as long as this process lives. */
export function announce(stateDir: string, system: LocalSystem): void {
  const { front, config, policy, cluster, gateway, registry } = system;
  writeSession(stateDir, {
    pid: process.pid,
    endpointUrl: front.url,
    region: front.region,
    accessKeyId: front.admin.accessKeyId,
    secretAccessKey: front.admin.secretAccessKey,
    cluster: config.cluster.name,
    fleet: policy.fleet,
    table: system.tableName,
    kubeconfig: cluster.kubeconfigPath,
    registry: registry.url,
    faults: { url: system.faultServer.url, token: system.faultServer.token },
    ...(gateway && { gateway: { url: gateway.url, apiKey: gateway.apiKey } }),
  });
}

export function removeSession(stateDir: string): void {
  rmSync(fileOf(stateDir), { force: true });
}

/** Undefined when no local system runs: no file, or one that a crashed run left. */
export function readSession(stateDir: string): Session | undefined {
  try {
    const session = sessionSchema.parse(JSON.parse(readFileSync(fileOf(stateDir), 'utf8')));
    process.kill(session.pid, 0);
    return session;
  } catch {
    return undefined;
  }
}

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** How to get it on Debian and Ubuntu. */
export const INSTALL_NGINX = 'apt-get install nginx';

/** Debian's package lies outside of an ordinary user's PATH. */
const ALSO = ['/usr/sbin', '/usr/local/sbin', '/usr/local/nginx/sbin'];

/** Path of a program, looked for in PATH and where distributions put servers; undefined when it is not installed. */
export function findProgram(name: string, path: string = process.env.PATH ?? ''): string | undefined {
  return [...path.split(':').filter(Boolean), ...ALSO]
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Nginx's path: what `PADDOCK_NGINX` says, else the one that is installed. */
export const findNginx = (): string | undefined => process.env.PADDOCK_NGINX || findProgram('nginx');

/** From here on Nginx keeps connections to upstreams unless it is told not to, and takes `keepalive 0` for that. */
const KEEPS_BY_DEFAULT = [1, 29, 7];

/** Whether that Nginx is 1.29.7 or newer. @throws Error when it does not tell its version. */
export function keepsByDefault(nginx: string): boolean {
  const { stderr, error } = spawnSync(nginx, ['-v'], { encoding: 'utf8' });
  const version = /nginx\/(\d+)\.(\d+)\.(\d+)/.exec(stderr ?? '');
  if (!version)
    throw new Error(`${nginx} -v does not tell its version: ${error?.message ?? stderr}`, { cause: error });
  const parts = version.slice(1).map(Number);
  const differs = KEEPS_BY_DEFAULT.findIndex((part, index) => part !== parts[index]);
  return differs < 0 || (parts[differs] as number) > (KEEPS_BY_DEFAULT[differs] as number);
}

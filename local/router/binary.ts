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

export const findNginx = (): string | undefined => findProgram('nginx');

import { describe } from '@jest/globals';
import { findNginx, INSTALL_NGINX } from '../../../local/router/binary.ts';

/** As `describe`, with a real Nginx: without one it skips aloud, but never in CI. */
export function describeWithNginx(name: string, body: () => void): void {
  if (findNginx() !== undefined) return void describe(name, body);
  if (process.env.CI) throw new Error(`CI has no nginx: ${INSTALL_NGINX}`);
  console.warn(`SKIPPED: ${name}: nginx is not installed (${INSTALL_NGINX})`);
  describe.skip(name, body);
}

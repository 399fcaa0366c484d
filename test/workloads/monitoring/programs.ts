import { describe } from '@jest/globals';
import { findProgram } from '../../../local/router/binary.ts';

const INSTALL = 'apt-get install prometheus prometheus-nginx-exporter nginx';
const PROGRAMS = ['prometheus', 'promtool', 'prometheus-nginx-exporter', 'nginx'];

/** As `describe`, with a real Prometheus: without one it skips aloud, but never in CI. */
export function describeWithPrometheus(name: string, body: () => void): void {
  const missing = PROGRAMS.filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return void describe(name, body);
  const reason = `${missing.join(', ')} not installed (${INSTALL})`;
  if (process.env.CI) throw new Error(`CI must not skip: ${reason}`);
  console.warn(`SKIPPED: ${name}: ${reason}`);
  describe.skip(name, body);
}

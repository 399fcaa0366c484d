import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS } from '../cluster/support.ts';

const REQUESTS = 200;

const stateDir = mkdtempSync(join(tmpdir(), 'paddock-chaos-'));
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

it(
  'loses nothing in a small run in which every kind of fault happens, and says so as documented',
  async () => {
    const command = ['chaos', '--requests', String(REQUESTS), '--seed', '3', '--json'];
    const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>(
      (resolve) =>
        execFile(
          process.execPath,
          ['cli/paddock.ts', ...command, '--state-dir', stateDir],
          (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
        ),
    );
    // What is wrong, if anything is.
    expect(code === 0 ? '' : stderr).toBe('');
    expect(code).toBe(0);
    const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    const { succeeded, failed } = result.requests;
    const some = expect.any(Number);
    expect(result).toEqual({
      requests: { submitted: REQUESTS, succeeded, failed, lost: 0, duplicated: 0 },
      faults: {
        ...{ workerKilled: some, podEvicted: 1, nodeLost: 1, duplicated: some, throttled: some },
        ...{ apiserverRestarted: 1, tickKilled: 1 },
      },
      seed: 3,
      seconds: some,
    });
    expect(succeeded + failed).toBe(REQUESTS);
    expect(result.faults.workerKilled).toBeGreaterThanOrEqual(3);
    expect(result.faults.duplicated).toBeGreaterThan(0);
    expect(result.faults.throttled).toBeGreaterThan(0);
  },
  BUILD_TIMEOUT_MS,
);

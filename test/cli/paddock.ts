import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryPath } from '../../infra/paths.ts';

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

const cache = mkdtempSync(join(tmpdir(), 'paddock-compile-cache-'));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

/** Of commands that are run many times: what was compiled for the first is there for the others, which take half as long. */
export const cliEnvironment = { ...process.env, NODE_COMPILE_CACHE: cache };

/** Runs the command as a person does; code 0 when it went well. */
export const paddock = (...args: string[]): Promise<Outcome> => paddockWith({}, ...args);

/** With other variables of the environment; those that are undefined are not there. */
export const paddockWith = (env: NodeJS.ProcessEnv, ...args: string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [repositoryPath('cli', 'paddock.ts'), ...args],
      { env: { ...cliEnvironment, ...env } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });

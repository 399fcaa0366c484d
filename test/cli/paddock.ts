import { execFile } from 'node:child_process';

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the command as a person does; code 0 when it went well. */
export const paddock = (...args: string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['cli/paddock.ts', ...args], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });

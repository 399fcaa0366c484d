import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface BuildCommand {
  cwd: string;
  env: NodeJS.ProcessEnv;
  onLine(line: string): void;
  /** Makes the error of the last lines that it wrote. */
  explain(said: string): Error;
}

const LINES_KEPT = 20;

/** Runs a command that compiles, and calls back with each line of its output. It ends with this process. */
export function runBuild(command: string, args: string[], options: BuildCommand): Promise<void> {
  const { cwd, env, onLine, explain } = options;
  const child = spawn(command, args, {
    ...{ cwd, env, stdio: ['ignore', 'pipe', 'pipe'] },
    detached: true, // a group of its own, so that the compilers end with it
  });
  const end = (): void => {
    if (child.pid !== undefined) {
      process.kill(-child.pid, 'SIGKILL');
    }
  };
  process.on('exit', end);
  const tail: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      tail.push(line);
      tail.splice(0, tail.length - LINES_KEPT);
      onLine(line);
    });
  }
  return new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(explain(tail.join('\n')))));
  }).finally(() => process.off('exit', end));
}

import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { z } from 'zod';
import { isAtLeast } from './versions.ts';

const run = promisify(execFile);

/** Why the local cluster could not be built, and what to do. */
export class BuildError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BuildError';
  }
}

const OTHER_WAY = 'or name a cluster of your own with --kubeconfig FILE';

const goEnvSchema = z.object({
  GOVERSION: z.string(),
  GOCACHE: z.string(),
  GOMODCACHE: z.string(),
  GOPROXY: z.string(),
});

export type GoEnv = z.infer<typeof goEnvSchema>;

/** Static binaries, and nothing of a workspace or vendor folder that the user may have around. */
const BUILD_ENV = { CGO_ENABLED: '0', GOWORK: 'off' };

/** The Go toolchain on the PATH. Throws BuildError when there is none or it is too old. */
export async function findGo(least: string, command = 'go'): Promise<GoEnv> {
  let stdout: string;
  try {
    ({ stdout } = await run(command, ['env', '-json', ...Object.keys(goEnvSchema.shape)], {
      env: process.env,
    }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new BuildError(`go does not run: ${stderrOf(error)}`, { cause: error });
    }
    throw new BuildError(
      `No Go toolchain on the PATH. The local Kubernetes is built from source once, with Go ${least} or newer: ` +
        `install it (https://go.dev/doc/install) and start again, ${OTHER_WAY}.`,
    );
  }
  const env = goEnvSchema.parse(JSON.parse(stdout));
  if (!isAtLeast(env.GOVERSION, least)) {
    throw new BuildError(
      `Go ${env.GOVERSION.replace(/^go/, '')} is too old: the local Kubernetes needs Go ${least} or newer to build. ` +
        `Update it (https://go.dev/doc/install) and start again, ${OTHER_WAY}.`,
    );
  }
  return env;
}

const stderrOf = (error: unknown): string =>
  String((error as { stderr?: unknown }).stderr || (error as Error).message).trim();

const BUFFER = 64 * 1024 * 1024;

/** Standard output of a short go command. Throws what `explain` makes of its standard error. */
export async function goOutput(
  args: string[],
  cwd: string,
  explain: (stderr: string) => Error,
): Promise<string> {
  try {
    const env = { ...process.env, ...BUILD_ENV };
    return (await run('go', args, { cwd, env, maxBuffer: BUFFER })).stdout;
  } catch (error) {
    // `go mod download -json` reports a failed download on standard output.
    throw explain(`${stderrOf(error)}\n${String((error as { stdout?: unknown }).stdout ?? '')}`);
  }
}

/** Runs `go build -v …` and calls back with each package as it is compiled. Ends with this process. */
export function goBuild(
  args: string[],
  cwd: string,
  onPackage: (line: string) => void,
  explain: (stderr: string) => Error,
): Promise<void> {
  const child = spawn('go', ['build', '-v', ...args], {
    cwd,
    env: { ...process.env, ...BUILD_ENV },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true, // a group of its own, so that the compilers end with it
  });
  const end = (): void => {
    if (child.pid !== undefined) {
      process.kill(-child.pid, 'SIGKILL');
    }
  };
  process.on('exit', end);
  const tail: string[] = [];
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => {
    tail.push(line);
    tail.splice(0, tail.length - 20);
    onPackage(line);
  });
  return new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(explain(tail.join('\n')))));
  }).finally(() => process.off('exit', end));
}

/** What a failed go command means for the person who started it. Pure. */
export function explainGoFailure(what: string, stderr: string, goproxy: string): BuildError {
  const said = stderr.trim().split('\n').slice(-8).join('\n');
  if (/no space left on device|disk quota exceeded/i.test(stderr)) {
    return new BuildError(
      `The disk is full: ${what} stopped.\n${said}\nFree some space and start again; what is built already is kept.`,
    );
  }
  if (
    /dial tcp|lookup |i\/o timeout|connection re|TLS handshake|proxyconnect|Bad Gateway|\b(40[34]|410|50\d)\b/.test(
      stderr,
    )
  ) {
    return new BuildError(
      `A download failed: ${what} stopped.\n${said}\nModules come through GOPROXY=${goproxy}: check that it can be reached ` +
        'and start again; what is downloaded and built already is kept.',
    );
  }
  return new BuildError(`go failed: ${what} stopped.\n${said}`);
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { isAtLeast } from '../cluster/versions.ts';
import { runBuild } from './run-build.ts';

const run = promisify(execFile);

/** Why something could not be built, and what to do. */
export class BuildError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BuildError';
  }
}

/** What is built, in words for whoever has to help. */
export interface Purpose {
  /** Such as `the local Kubernetes`. */
  what: string;
  /** Such as `the programs of Kubernetes`. */
  programs: string;
  /** What to do instead of building, after a comma. */
  otherWay: string;
}

const goEnvSchema = z.object({
  GOVERSION: z.string(),
  GOCACHE: z.string(),
  GOMODCACHE: z.string(),
  GOPROXY: z.string(),
});

export type GoEnv = z.infer<typeof goEnvSchema>;

/** Static binaries unless told otherwise, and nothing of a workspace or vendor folder that the user may have around. */
const BUILD_ENV = { CGO_ENABLED: '0', GOWORK: 'off' };

/** The Go toolchain on the PATH. Throws BuildError when there is none or it is too old. */
export async function findGo(least: string, purpose: Purpose): Promise<GoEnv> {
  const { what, otherWay } = purpose;
  let stdout: string;
  try {
    ({ stdout } = await run('go', ['env', '-json', ...Object.keys(goEnvSchema.shape)], {
      env: process.env,
    }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new BuildError(`go does not run: ${stderrOf(error)}`, { cause: error });
    }
    throw new BuildError(
      `No Go toolchain on the PATH. Go ${least} or newer builds ${what} from source, once: ` +
        `install it (https://go.dev/doc/install) and start again, ${otherWay}.`,
    );
  }
  const env = goEnvSchema.parse(JSON.parse(stdout));
  if (!isAtLeast(env.GOVERSION, least)) {
    throw new BuildError(
      `Go ${env.GOVERSION.replace(/^go/, '')} is too old: ${what} needs Go ${least} or newer to build. ` +
        `Update it (https://go.dev/doc/install) and start again, ${otherWay}.`,
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
  env: Record<string, string> = {},
): Promise<string> {
  try {
    const all = { ...process.env, ...BUILD_ENV, ...env };
    return (await run('go', args, { cwd, env: all, maxBuffer: BUFFER })).stdout;
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
  explain: (said: string) => Error,
  env: Record<string, string> = {},
): Promise<void> {
  const all = { ...process.env, ...BUILD_ENV, ...env };
  return runBuild('go', ['build', '-v', ...args], { cwd, env: all, onLine: onPackage, explain });
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

import { accessSync, constants, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { waitForLock } from '../process-lock.ts';
import type { Progress } from '../progress.ts';
import { checkFreeSpace } from './diskspace.ts';
import { explainGoFailure, findGo, type GoEnv, goBuild, goOutput, type Purpose } from './go.ts';

/** `$PADDOCK_CACHE`, else `paddock` in the user's cache folder. */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.PADDOCK_CACHE ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'paddock');
}

export const MIB = 2 ** 20;

/** Tells the share done, 0 to 1. */
export type Update = (fraction: number, detail?: string) => void;

/** One `go build`: a folder of programs that appears complete or not at all. */
export interface Artifact {
  title: string;
  /** Folder name below `bin/`. */
  folder: string;
  /** Paths in the folder; an artifact without one of them is incomplete. The first is the target where there is one package. */
  programs: readonly string[];
  packages: readonly string[];
  ldflags: string;
  /** Bytes that a build from empty caches leaves on disk, rounded up. */
  needs: { modules: number; buildCache: number; binaries: number };
  /** Writes what else the build folder must hold; returns its go.mod. */
  goMod(dir: string, explain: (stderr: string) => Error): Promise<string>;
  /** Environment of the Go commands; default: static binaries. */
  env?(dir: string): Record<string, string>;
  /** Share of the work that is compiling Go, 0 to 1; linking and what `finish` does is the rest. Default 0.93. */
  compiling?: number;
  /** Adds to the output folder what Go does not build. */
  finish?(dir: string, output: string, update: Update): Promise<void>;
}

/** Where and how artifacts are built, and what a person is told about it. */
export interface BuildOptions {
  cacheDir: string;
  /** Oldest Go that builds them. */
  go: string;
  purpose: Purpose;
  progress: Progress;
}

const DEFAULT_COMPILING = 0.93;

/** @param bin folder of the artifacts */
export function isComplete(bin: string, { folder, programs }: Artifact): boolean {
  try {
    for (const program of programs) {
      accessSync(join(bin, folder, program), constants.X_OK);
    }
    return true;
  } catch {
    return false;
  }
}

/**
 * Artifacts in `bin/` of the cache folder, built from source where they are missing. Two that start at once build once; an
 * interrupted build goes on where Go's own cache stands.
 *
 * @throws BuildError with the next step: no Go, Go too old, disk full, download failed
 */
export async function ensureArtifacts(wanted: readonly Artifact[], options: BuildOptions): Promise<void> {
  const { cacheDir, progress, purpose } = options;
  const bin = join(cacheDir, 'bin');
  const missing = (): Artifact[] => wanted.filter((artifact) => !isComplete(bin, artifact));
  if (missing().length === 0) return;
  const go = await findGo(options.go, purpose);
  const lock = await waitForLock(join(cacheDir, 'build.lock'), `building ${purpose.programs}`, (holder) =>
    progress.info(`Process ${holder.pid} is ${holder.what} already: waiting for it …`),
  );
  try {
    await buildAll(missing(), bin, go, options);
  } finally {
    lock.release();
  }
}

async function buildAll(missing: Artifact[], bin: string, go: GoEnv, options: BuildOptions): Promise<void> {
  if (missing.length === 0) {
    return; // whoever held the lock has built them
  }
  const { progress, purpose } = options;
  mkdirSync(bin, { recursive: true });
  for (const entry of readdirSync(bin).filter((name) => name.startsWith('.build-'))) {
    rmSync(join(bin, entry), { recursive: true, force: true }); // of a build that was interrupted
  }
  const sum = (pick: (needs: Artifact['needs']) => number): number =>
    missing.reduce((total, { needs }) => total + pick(needs), 0);
  checkFreeSpace(purpose.what, [
    { dir: bin, bytes: sum(({ binaries }) => binaries) },
    { dir: go.GOMODCACHE, bytes: sum(({ modules }) => modules) },
    { dir: go.GOCACHE, bytes: sum(({ buildCache }) => buildCache) },
  ]);
  progress.info(`Building ${purpose.programs} from source, once. This takes some minutes.`);
  for (const artifact of missing) {
    await progress.step(`Building ${artifact.title}`, (update) => build(artifact, bin, go, update));
  }
}

async function build(artifact: Artifact, bin: string, go: GoEnv, update: Update): Promise<void> {
  const work = join(bin, `.build-${artifact.folder}`);
  const output = join(work, 'output');
  mkdirSync(output, { recursive: true });
  const explain = (stderr: string): Error =>
    explainGoFailure(`building ${artifact.title}`, stderr, go.GOPROXY);
  const { compiling = DEFAULT_COMPILING, programs, packages } = artifact;
  update(0, 'downloading');
  writeFileSync(join(work, 'go.mod'), await artifact.goMod(work, explain));
  const env = artifact.env?.(work);
  const total = await packagesToCompile(artifact, work, explain, env);
  let compiled = 0;
  const onPackage = (line: string): void => {
    if (line.startsWith('go: ')) {
      return;
    }
    compiled = Math.min(compiled + 1, total);
    const detail = compiled < total ? `package ${compiled} of ${total}` : 'linking';
    update((compiling * compiled) / total, detail);
  };
  const target = packages.length === 1 ? join(output, String(programs[0])) : `${output}/`;
  mkdirSync(dirname(target), { recursive: true });
  const flags = ['-mod=mod', '-trimpath', '-ldflags', `-s -w ${artifact.ldflags}`, '-o', target];
  await goBuild([...flags, ...packages], work, onPackage, explain, env);
  await artifact.finish?.(work, output, (share, detail) =>
    update(compiling + (1 - compiling) * share, detail),
  );
  rmSync(join(bin, artifact.folder), { recursive: true, force: true });
  renameSync(output, join(bin, artifact.folder));
  rmSync(work, { recursive: true, force: true });
}

/** Packages that Go's build cache does not hold yet; downloads all modules on the way. At least one: the program. */
async function packagesToCompile(
  artifact: Artifact,
  work: string,
  explain: (stderr: string) => Error,
  env?: Record<string, string>,
): Promise<number> {
  const stale = '{{if .Stale}}{{.ImportPath}}{{end}}';
  const args = ['list', '-mod=mod', '-deps', '-trimpath', '-f', stale, ...artifact.packages];
  const listed = await goOutput(args, work, explain, env);
  return Math.max(1, listed.split('\n').filter((line) => line !== '').length);
}

import {
  accessSync,
  constants,
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { waitForLock } from '../process-lock.ts';
import type { Progress } from '../progress.ts';
import { checkFreeSpace } from './diskspace.ts';
import { explainGoFailure, findGo, type GoEnv, goBuild, goOutput } from './go.ts';
import {
  commandGoMod,
  goModSchema,
  KUBERNETES_COMMANDS,
  kubernetesGoMod,
  kubernetesLdflags,
  kubernetesPackages,
} from './gomodule.ts';
import { type ClusterVersions, DEFAULT_KUBERNETES_VERSION, versionsFor } from './versions.ts';

/** Paths of the programs that make a cluster. */
export interface Binaries {
  etcd: string;
  kubeApiserver: string;
  kubeControllerManager: string;
  kubeScheduler: string;
  kwok: string;
}

/** `$PADDOCK_CACHE`, else `paddock` in the user's cache folder. */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.PADDOCK_CACHE ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'paddock');
}

const MIB = 2 ** 20;

/** One `go build`: a folder of binaries that appears complete or not at all. */
interface Artifact {
  title: string;
  /** Folder name below `bin/`. */
  folder: string;
  programs: readonly string[];
  packages: string[];
  ldflags: string;
  /** Measured on linux/amd64 with Go 1.26 and rounded up: what a build from empty caches leaves on disk. */
  needs: { modules: number; buildCache: number; binaries: number };
  goMod(dir: string, explain: (stderr: string) => Error): Promise<string>;
}

function artifacts(versions: ClusterVersions): Artifact[] {
  const command = (name: string, module: string, path: string, version: string, mib: number): Artifact => ({
    title: `${name} ${version}`,
    folder: `${name}-${version}`,
    programs: [name],
    packages: [path],
    ldflags: '',
    needs: { modules: 300 * MIB, buildCache: mib * MIB, binaries: 80 * MIB },
    goMod: async () => commandGoMod(name, module, version, versions.go),
  });
  return [
    {
      title: `Kubernetes ${versions.kubernetes}`,
      folder: `kubernetes-${versions.kubernetes}`,
      programs: KUBERNETES_COMMANDS,
      packages: kubernetesPackages,
      ldflags: kubernetesLdflags(versions.kubernetes),
      needs: { modules: 600 * MIB, buildCache: 2900 * MIB, binaries: 300 * MIB },
      goMod: (dir, explain) => prepareKubernetes(versions.kubernetes, dir, explain),
    },
    command('etcd', 'go.etcd.io/etcd/server/v3', 'go.etcd.io/etcd/server/v3', versions.etcd, 250),
    command('kwok', 'sigs.k8s.io/kwok', 'sigs.k8s.io/kwok/cmd/kwok', versions.kwok, 650),
  ];
}

const downloadSchema = z.object({ GoMod: z.string(), Dir: z.string() });

/** Its go.mod names the staging modules; its go.sum pins what everything must hash to. */
async function prepareKubernetes(
  version: string,
  dir: string,
  explain: (stderr: string) => Error,
): Promise<string> {
  const download = await goOutput(['mod', 'download', '-json', `k8s.io/kubernetes@${version}`], dir, explain);
  const module = downloadSchema.parse(JSON.parse(download));
  const own = await goOutput(['mod', 'edit', '-json', module.GoMod], dir, explain);
  copyFileSync(join(module.Dir, 'go.sum'), join(dir, 'go.sum'));
  return kubernetesGoMod(version, goModSchema.parse(JSON.parse(own)));
}

function isComplete(folder: string, programs: readonly string[]): boolean {
  try {
    for (const program of programs) {
      accessSync(join(folder, program), constants.X_OK);
    }
    return true;
  } catch {
    return false;
  }
}

/**
 * The cluster's programs, built from source with the Go toolchain where they are missing (once per version; minutes).
 * Two that start at once build once; an interrupted build goes on where Go's own cache stands.
 * Throws BuildError with the next step: no Go, Go too old, disk full, download failed.
 */
export async function ensureBinaries(options: {
  cacheDir: string;
  /** Minor version, such as `1.36`. */
  kubernetesVersion: string;
  progress: Progress;
}): Promise<Binaries> {
  const versions = versionsFor(options.kubernetesVersion);
  const bin = join(options.cacheDir, 'bin');
  await ensureArtifacts(artifacts(versions), versions, bin, options);
  const kubernetes = join(bin, `kubernetes-${versions.kubernetes}`);
  return {
    etcd: join(bin, `etcd-${versions.etcd}`, 'etcd'),
    kubeApiserver: join(kubernetes, 'kube-apiserver'),
    kubeControllerManager: join(kubernetes, 'kube-controller-manager'),
    kubeScheduler: join(kubernetes, 'kube-scheduler'),
    kwok: kwokPath(bin, versions),
  };
}

/** KWOK alone, for a cluster that runs elsewhere. Builds and throws as `ensureBinaries` does. */
export async function ensureKwok(options: { cacheDir: string; progress: Progress }): Promise<string> {
  const versions = versionsFor(DEFAULT_KUBERNETES_VERSION);
  const bin = join(options.cacheDir, 'bin');
  const kwok = artifacts(versions).filter(({ programs }) => programs.includes('kwok'));
  await ensureArtifacts(kwok, versions, bin, options);
  return kwokPath(bin, versions);
}

const kwokPath = (bin: string, { kwok }: ClusterVersions): string => join(bin, `kwok-${kwok}`, 'kwok');

async function ensureArtifacts(
  wanted: readonly Artifact[],
  versions: ClusterVersions,
  bin: string,
  options: { cacheDir: string; progress: Progress },
): Promise<void> {
  const missing = (): Artifact[] =>
    wanted.filter(({ folder, programs }) => !isComplete(join(bin, folder), programs));
  if (missing().length === 0) return;
  const go = await findGo(versions.go);
  const lock = await waitForLock(join(options.cacheDir, 'build.lock'), 'building Kubernetes', ({ pid }) =>
    options.progress.info(`Process ${pid} is building the Kubernetes programs already: waiting for it …`),
  );
  try {
    await buildAll(missing(), bin, go, options.progress);
  } finally {
    lock.release();
  }
}

async function buildAll(missing: Artifact[], bin: string, go: GoEnv, progress: Progress): Promise<void> {
  if (missing.length === 0) {
    return; // whoever held the lock has built them
  }
  mkdirSync(bin, { recursive: true });
  for (const entry of readdirSync(bin).filter((name) => name.startsWith('.build-'))) {
    rmSync(join(bin, entry), { recursive: true, force: true }); // of a build that was interrupted
  }
  const sum = (pick: (needs: Artifact['needs']) => number): number =>
    missing.reduce((total, { needs }) => total + pick(needs), 0);
  checkFreeSpace([
    { dir: bin, bytes: sum(({ binaries }) => binaries) },
    { dir: go.GOMODCACHE, bytes: sum(({ modules }) => modules) },
    { dir: go.GOCACHE, bytes: sum(({ buildCache }) => buildCache) },
  ]);
  progress.info('Programs of Kubernetes are built from source, once. This takes some minutes.');
  for (const artifact of missing) {
    await progress.step(`Building ${artifact.title}`, (update) => build(artifact, bin, go, update));
  }
}

/** Share of a build that compiling takes; linking the programs is the rest. */
const COMPILING = 0.93;

async function build(
  artifact: Artifact,
  bin: string,
  go: GoEnv,
  update: (fraction: number, detail?: string) => void,
): Promise<void> {
  const work = join(bin, `.build-${artifact.folder}`);
  const output = join(work, 'output');
  mkdirSync(output, { recursive: true });
  const explain = (stderr: string): Error =>
    explainGoFailure(`building ${artifact.title}`, stderr, go.GOPROXY);
  update(0, 'downloading');
  writeFileSync(join(work, 'go.mod'), await artifact.goMod(work, explain));
  const total = await packagesToCompile(artifact, work, explain);
  let compiled = 0;
  const onPackage = (line: string): void => {
    if (line.startsWith('go: ')) {
      return;
    }
    compiled = Math.min(compiled + 1, total);
    const detail = compiled < total ? `package ${compiled} of ${total}` : 'linking';
    update((COMPILING * compiled) / total, detail);
  };
  const [only] = artifact.programs;
  const target = artifact.programs.length === 1 ? join(output, String(only)) : `${output}/`;
  const flags = ['-mod=mod', '-trimpath', '-ldflags', `-s -w ${artifact.ldflags}`, '-o', target];
  await goBuild([...flags, ...artifact.packages], work, onPackage, explain);
  rmSync(join(bin, artifact.folder), { recursive: true, force: true });
  renameSync(output, join(bin, artifact.folder));
  rmSync(work, { recursive: true, force: true });
}

/** Packages that Go's build cache does not hold yet; downloads all modules on the way. At least one: the program. */
async function packagesToCompile(
  artifact: Artifact,
  work: string,
  explain: (stderr: string) => Error,
): Promise<number> {
  const stale = '{{if .Stale}}{{.ImportPath}}{{end}}';
  const args = ['list', '-mod=mod', '-deps', '-trimpath', '-f', stale, ...artifact.packages];
  const listed = await goOutput(args, work, explain);
  return Math.max(1, listed.split('\n').filter((line) => line !== '').length);
}

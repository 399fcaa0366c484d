import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BuildError, type Purpose } from '../build/go.ts';

const run = promisify(execFile);

export const PURPOSE: Purpose = {
  what: 'Ollama',
  programs: 'Ollama',
  otherWay:
    'or install Ollama (https://ollama.com/download): one on the PATH, or at PADDOCK_OLLAMA, is used as it is',
};

/** One thing that the machine must have: the Debian package that brings it, and a command that only then succeeds. */
interface Need {
  package: string;
  command: string;
  args: string[];
}

/** Whether a header can be included: the compiler knows best where it looks. */
const header = (name: string, from: string): Need => ({
  package: from,
  command: 'sh',
  args: ['-c', `echo '#include <${name}>' | c++ -x c++ -E - >/dev/null`],
});

const COMPILING: readonly Need[] = [
  { package: 'build-essential', command: 'c++', args: ['--version'] },
  { package: 'cmake', command: 'cmake', args: ['--version'] },
  { package: 'ninja-build', command: 'ninja', args: ['--version'] },
  // Go leaves folders named `vendor` out of modules: these two are what Ollama's holds.
  header('nlohmann/json.hpp', 'nlohmann-json3-dev'),
  header('stb/stb_image.h', 'libstb-dev'),
];

const PYTHON: readonly Need[] = [
  { package: 'python3-venv', command: 'python3', args: ['-c', 'import venv, ensurepip'] },
];

/**
 * What the machine lacks for building Ollama or for fetching the model.
 *
 * @throws BuildError that names every package at once
 */
export async function checkTools(wanted: { build: boolean; model: boolean }): Promise<void> {
  const needs = [...(wanted.build ? COMPILING : []), ...(wanted.model ? PYTHON : [])];
  const missing: string[] = [];
  for (const need of needs) {
    await run(need.command, need.args, { env: process.env }).catch(() => missing.push(need.package));
  }
  if (missing.length === 0) return;
  const otherWay = wanted.build ? `; ${PURPOSE.otherWay}` : '';
  throw new BuildError(
    `The real Ollama needs what this machine lacks. Install it and start again: apt-get install ${missing.join(' ')} ` +
      `(names of Debian and Ubuntu)${otherWay}.`,
  );
}

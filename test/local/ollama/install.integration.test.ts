import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { manifestFile, parseModelName } from '../../../core/protocol/model-names.ts';
import { builtOllama } from '../../../local/ollama/build.ts';
import { ensureOllama, findOllama } from '../../../local/ollama/install.ts';
import { modelStore, SMALL_MODEL } from '../../../local/ollama/model.ts';
import { silentProgress } from '../../../local/progress.ts';

const originalPath = process.env.PATH;
const ownOllama = process.env.PADDOCK_OLLAMA;
let root: string;
let cacheDir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'paddock-ollama-'));
  cacheDir = join(root, 'cache');
  process.env.PATH = join(root, 'bin');
  delete process.env.PADDOCK_OLLAMA;
});

afterEach(() => {
  process.env.PATH = originalPath;
  if (ownOllama !== undefined) process.env.PADDOCK_OLLAMA = ownOllama;
  rmSync(root, { recursive: true });
});

const ensure = () => ensureOllama({ cacheDir, progress: silentProgress() });

function program(path: string, text = '#!/bin/sh\necho "ollama version is 9.9.9"\n'): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** Program and library, as a build leaves them. */
function build(): void {
  const built = program(builtOllama(cacheDir));
  program(join(dirname(built), '../lib/ollama/libggml-base.so'));
}

function addModel(): void {
  const manifest = join(modelStore(cacheDir), manifestFile(parseModelName(SMALL_MODEL)));
  mkdirSync(dirname(manifest), { recursive: true });
  writeFileSync(manifest, '{}');
}

describe('the real Ollama', () => {
  it('is not built on a machine that lacks the tools: one error names all packages, and the other way', async () => {
    await expect(ensure()).rejects.toThrow(
      /apt-get install build-essential cmake ninja-build nlohmann-json3-dev libstb-dev python3-venv .*https:\/\/ollama\.com\/download/,
    );
  });

  it('of the user is taken as it is, and needs no compiler: only Python for the model', async () => {
    program(join(root, 'bin/ollama'));
    await expect(ensure()).rejects.toThrow(/apt-get install python3-venv \(names/);
  });

  it('of the user is taken before the built one', async () => {
    addModel();
    build();
    const found = () => ensure().then(({ from, version, program: path }) => ({ from, version, path }));
    expect(await found()).toEqual({ from: 'cache', version: '9.9.9', path: builtOllama(cacheDir) });
    const onPath = program(join(root, 'bin/ollama'));
    expect(await found()).toEqual({ from: 'PATH', version: '9.9.9', path: onPath });
    process.env.PADDOCK_OLLAMA = program(join(root, 'elsewhere/ollama'));
    expect(await found()).toEqual({ from: 'PATH', version: '9.9.9', path: process.env.PADDOCK_OLLAMA });
  });

  it('counts as installed only with a model', async () => {
    build();
    expect(await findOllama(cacheDir)).toBeUndefined();
    addModel();
    expect(await findOllama(cacheDir)).toMatchObject({ store: modelStore(cacheDir) });
  });
});

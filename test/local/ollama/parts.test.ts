import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { manifestFile, parseModelName } from '../../../core/protocol/model-names.ts';
import { backendTarget } from '../../../local/ollama/build.ts';
import { prepareDisk } from '../../../local/ollama/disk.ts';
import { SMALL_MODEL } from '../../../local/ollama/model.ts';

describe('the library for a processor', () => {
  const haswell = ['avx', 'f16c', 'avx2', 'bmi2', 'fma'];
  const avx512 = ['avx512f', 'avx512cd', 'avx512vl', 'avx512dq', 'avx512bw'];
  it.each([
    ['x64', [...haswell, ...avx512], 'ggml-cpu-skylakex'],
    ['x64', [...haswell, ...avx512.slice(1)], 'ggml-cpu-haswell'],
    ['x64', ['avx'], 'ggml-cpu-x64'],
    ['arm64', [], 'ggml-cpu'],
  ])('%s with %j is %s', (arch, flags, target) => {
    expect(backendTarget(arch, new Set(flags))).toBe(target);
  });
});

describe("a replica's disk", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'paddock-disk-'));
    const manifest = join(root, 'store', manifestFile(parseModelName(SMALL_MODEL)));
    mkdirSync(dirname(manifest), { recursive: true });
    writeFileSync(manifest, '{"layers":[]}');
    mkdirSync(join(root, 'store/blobs'));
    writeFileSync(join(root, 'store/blobs/sha256-aa'), 'weights');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it("has each of the fleet's models, and no second copy of the weights", () => {
    const disk = join(root, 'disk');
    prepareDisk(disk, join(root, 'store'), ['llama3.1:8b', 'nomic-embed-text']);
    for (const model of ['llama3.1:8b', 'nomic-embed-text']) {
      expect(readFileSync(join(disk, manifestFile(parseModelName(model))), 'utf8')).toBe('{"layers":[]}');
    }
    const inode = (folder: string): number => statSync(join(root, folder, 'blobs/sha256-aa')).ino;
    expect(inode('disk')).toBe(inode('store'));
  });

  it('can be deleted without harm to the store, and made again over what is left of one', () => {
    const disk = join(root, 'disk');
    prepareDisk(disk, join(root, 'store'), ['a']);
    prepareDisk(disk, join(root, 'store'), ['a', 'b']);
    rmSync(disk, { recursive: true });
    expect(readFileSync(join(root, 'store/blobs/sha256-aa'), 'utf8')).toBe('weights');
  });

  it('is empty for no models', () => {
    const disk = join(root, 'disk');
    prepareDisk(disk, join(root, 'store'), []);
    expect(existsSync(join(disk, 'manifests'))).toBe(false);
  });
});

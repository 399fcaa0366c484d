import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultCacheDir } from '../../../local/build/artifacts.ts';
import { type Binaries, ensureBinaries } from '../../../local/cluster/binaries.ts';
import type { Progress } from '../../../local/progress.ts';

/** A Go toolchain that builds nothing: it answers as `go` does and writes down what it was asked. */
const FAKE_GO = `#!/usr/bin/env node
import { appendFileSync, mkdirSync, writeFileSync, chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
const root = process.env.FAKE_GO_ROOT;
const args = process.argv.slice(2);
appendFileSync(join(root, 'calls'), args.join(' ') + '\\n');
const command = args.slice(0, 2).join(' ');
if (args[0] === 'env') {
  const dir = (name) => join(root, name);
  console.log(JSON.stringify({ GOVERSION: process.env.FAKE_GO_VERSION ?? 'go1.26.8', GOCACHE: dir('gocache'), GOMODCACHE: dir('gomod'), GOPROXY: 'https://proxy.example' }));
} else if (command === 'mod download') {
  if (existsSync(join(root, 'offline'))) {
    console.error('dial tcp: lookup proxy.example: no such host');
    process.exit(1);
  }
  mkdirSync(join(root, 'kubernetes'), { recursive: true });
  writeFileSync(join(root, 'kubernetes/go.sum'), '');
  console.log(JSON.stringify({ GoMod: 'go.mod', Dir: join(root, 'kubernetes') }));
} else if (command === 'mod edit') {
  console.log(JSON.stringify({ Go: '1.26.0', Replace: [{ Old: { Path: 'k8s.io/api' }, New: { Path: './staging/src/k8s.io/api' } }] }));
} else if (args[0] === 'list') {
  console.log(['a', 'b', 'c', 'd'].join('\\n'));
} else if (args[0] === 'build') {
  const target = args[args.indexOf('-o') + 1];
  for (const name of ['a', 'b', 'c', 'd']) console.error(name);
  if (existsSync(join(root, 'hang'))) {
    writeFileSync(join(root, 'hanging'), String(process.pid));
    await new Promise(() => setInterval(() => {}, 1000));
  }
  const programs = target.endsWith('/') ? ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map((p) => target + p) : [target];
  for (const program of programs) { writeFileSync(program, ''); chmodSync(program, 0o755); }
}
`;

const originalPath = process.env.PATH;
let root: string;
let cacheDir: string;
let said: string[];

const progress: Progress = {
  step: async (title, run) => {
    said.push(title);
    return run((fraction, detail) => said.push(`${Math.round(fraction * 100)} ${detail}`));
  },
  info: (line) => said.push(line),
};

const ensure = (): Promise<Binaries> => ensureBinaries({ cacheDir, kubernetesVersion: '1.36', progress });
const builds = (): string[] =>
  readFileSync(join(root, 'calls'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('build '));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'paddock-go-'));
  cacheDir = join(root, 'cache');
  said = [];
  mkdirSync(join(root, 'bin'));
  writeFileSync(join(root, 'bin/package.json'), '{"type":"module"}');
  writeFileSync(join(root, 'bin/go'), FAKE_GO);
  chmodSync(join(root, 'bin/go'), 0o755);
  process.env.PATH = `${join(root, 'bin')}:${originalPath}`;
  process.env.FAKE_GO_ROOT = root;
});

afterEach(() => {
  process.env.PATH = originalPath;
  delete process.env.FAKE_GO_ROOT;
  delete process.env.FAKE_GO_VERSION;
  rmSync(root, { recursive: true, force: true });
});

describe('the programs of the cluster', () => {
  it('are built once: later calls find them', async () => {
    const binaries = await ensure();
    for (const path of Object.values(binaries)) {
      expect(statSync(path).mode & 0o111).not.toBe(0);
    }
    expect(builds()).toHaveLength(3);
    expect(await ensure()).toEqual(binaries);
    expect(builds()).toHaveLength(3);
  });

  it('are built with a share that grows and names what it counts', async () => {
    await ensure();
    const shares = said.slice(
      said.indexOf('Building Kubernetes v1.36.3') + 1,
      said.indexOf('Building etcd v3.6.8'),
    );
    expect(shares).toEqual([
      '0 downloading',
      '23 package 1 of 4',
      '47 package 2 of 4',
      '70 package 3 of 4',
      '93 linking',
    ]);
  });

  it('are built once when two start together, and the second says that it waits', async () => {
    const [first, second] = await Promise.all([ensure(), ensure()]);
    expect(first).toEqual(second);
    expect(builds()).toHaveLength(3);
    expect(said).toContainEqual(expect.stringContaining('is building the programs of Kubernetes already'));
  });

  it('are built anew where a part is missing, and only that part', async () => {
    const { etcd } = await ensure();
    rmSync(etcd);
    await ensure();
    expect(builds().slice(3)).toEqual([expect.stringContaining('go.etcd.io/etcd/server/v3')]);
    expect(existsSync(etcd)).toBe(true);
  });

  it("are built after a build that was killed in the middle, whose lock and rest are in nobody's way", async () => {
    writeFileSync(join(root, 'hang'), '');
    const code = `
      import { ensureBinaries } from '${join(import.meta.dirname, '../../../local/cluster/binaries.ts')}';
      import { silentProgress } from '${join(import.meta.dirname, '../../../local/progress.ts')}';
      await ensureBinaries({ cacheDir: '${cacheDir}', kubernetesVersion: '1.36', progress: silentProgress() });`;
    const other = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: 'ignore',
      env: process.env,
    });
    const ended = new Promise((resolve) => other.once('exit', resolve));
    while (!existsSync(join(root, 'hanging'))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    other.kill('SIGKILL');
    await ended;
    process.kill(Number(readFileSync(join(root, 'hanging'), 'utf8')));
    rmSync(join(root, 'hang'));
    const { kubeApiserver } = await ensure();
    expect(existsSync(kubeApiserver)).toBe(true);
    expect(existsSync(join(cacheDir, 'bin/.build-kubernetes-v1.36.3'))).toBe(false);
  });

  it('need a Go that is new enough', async () => {
    process.env.FAKE_GO_VERSION = 'go1.25.1';
    await expect(ensure()).rejects.toThrow(
      /^Go 1\.25\.1 is too old: the local Kubernetes needs Go 1\.26 or newer.*--kubeconfig FILE/,
    );
  });

  it('need a Go at all', async () => {
    process.env.PATH = join(root, 'empty');
    await expect(ensure()).rejects.toThrow(
      /^No Go toolchain on the PATH.*Go 1\.26 or newer.*--kubeconfig FILE/,
    );
  });

  it('say what to do when a download fails, and are built by the next start', async () => {
    writeFileSync(join(root, 'offline'), '');
    await expect(ensure()).rejects.toThrow(/^A download failed: building Kubernetes v1\.36\.3 stopped/);
    rmSync(join(root, 'offline'));
    await ensure();
  });
});

describe('the cache folder', () => {
  it('is PADDOCK_CACHE, else in the cache folder of the user', () => {
    expect(defaultCacheDir({ PADDOCK_CACHE: '/p', XDG_CACHE_HOME: '/x' })).toBe('/p');
    expect(defaultCacheDir({ XDG_CACHE_HOME: '/x' })).toBe('/x/paddock');
    expect(defaultCacheDir({})).toMatch(/\/\.cache\/paddock$/);
  });
});

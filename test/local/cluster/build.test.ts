import fc from 'fast-check';
import { checkFreeSpace, type Disk } from '../../../local/build/diskspace.ts';
import { explainGoFailure } from '../../../local/build/go.ts';
import { kubernetesGoMod, kubernetesLdflags } from '../../../local/cluster/gomodule.ts';
import { isAtLeast, versionsFor } from '../../../local/cluster/versions.ts';

const GIB = 2 ** 30;

describe('the generated Go module', () => {
  const own = {
    Go: '1.26.0',
    Replace: [
      { Old: { Path: 'k8s.io/api' }, New: { Path: './staging/src/k8s.io/api' } },
      { Old: { Path: 'example.com/fork' }, New: { Path: 'example.com/other' } },
    ],
  };

  it('replaces the staging modules, and only those, with their published versions', () => {
    const replaces = kubernetesGoMod('v1.36.3', own)
      .split('\n')
      .filter((line) => line.includes('=>'));
    expect(replaces).toEqual(['\tk8s.io/api => k8s.io/api v0.36.3']);
  });

  it('keeps the language version and the runtime defaults of Kubernetes', () => {
    const text = kubernetesGoMod('v1.36.3', own);
    expect(text).toContain('\ngo 1.26.0\n');
    expect(text).toContain('\ngodebug default=go1.26\n');
  });

  it('refuses a go.mod without staging modules: it would build nothing that fits', () => {
    expect(() => kubernetesGoMod('v1.36.3', { Go: '1.26.0' })).toThrow('names no staging modules');
  });

  it('stamps the version that clients read', () => {
    const flags = kubernetesLdflags('v1.36.3');
    expect(flags).toContain('-X k8s.io/component-base/version.gitVersion=v1.36.3');
    expect(flags).toContain('-X k8s.io/component-base/version.gitMinor=36');
  });
});

describe('versions', () => {
  it('names the choices for a version that is not built', () => {
    expect(() => versionsFor('1.12')).toThrow(
      /1\.12 is not among those that run locally \(.*1\.36.*--kubeconfig/,
    );
  });

  it('compares by number, not by text, whatever stands around it', () => {
    expect(isAtLeast('v1.100.0', '1.33')).toBe(true);
    expect(isAtLeast('v1.33.4-eks-3025e55', '1.33')).toBe(true);
    expect(isAtLeast('go1.9', '1.26')).toBe(false);
    expect(isAtLeast('2.0', '1.33')).toBe(true);
    expect(() => isAtLeast('devel', '1.26')).toThrow("'devel' is not a version");
  });
});

describe('free disk space', () => {
  const disk =
    (free: Record<string, [device: number, gib: number]>): Disk =>
    (dir) => {
      const [device = 0, gib = 0] = free[dir] ?? [];
      return { device, freeBytes: gib * GIB };
    };

  it('adds up what lies on one file system, and says where, how much and what to do', () => {
    const one = disk({ '/a': [1, 5], '/b': [1, 5] });
    const needs = [
      { dir: '/a', bytes: 3 * GIB },
      { dir: '/b', bytes: 3 * GIB },
    ];
    expect(() => checkFreeSpace('the local Kubernetes', needs, one)).toThrow(
      /needs 6\.0 GiB in \/a \(3\.0 GiB\), \/b \(3\.0 GiB\), and 5\.0 GiB are free\. Free some space.*PADDOCK_CACHE/,
    );
    expect(() =>
      checkFreeSpace('the local Kubernetes', needs, disk({ '/a': [1, 5], '/b': [2, 5] })),
    ).not.toThrow();
  });

  it('refuses exactly when the sum on a file system exceeds what is free', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 300 }), (bytes, freeBytes) => {
        const check = (): void =>
          checkFreeSpace(
            'x',
            bytes.map((size, index) => ({ dir: `/${index}`, bytes: size })),
            () => ({ device: 1, freeBytes }),
          );
        const fits = bytes.reduce((sum, size) => sum + size, 0) <= freeBytes;
        if (fits) {
          expect(check).not.toThrow();
        } else {
          expect(check).toThrow('Not enough disk space');
        }
      }),
    );
  });
});

describe('a go command that fails', () => {
  const explain = (stderr: string): string =>
    explainGoFailure('building etcd', stderr, 'https://proxy.example').message;

  it.each([
    [
      'write /home/user/.cache/go-build/x: no space left on device',
      /^The disk is full: building etcd stopped/,
    ],
    [
      'Get "https://proxy.example/x": dial tcp: lookup proxy.example: no such host',
      /^A download failed:.*[\s\S]*GOPROXY=https:\/\/proxy\.example: check that it can be reached/,
    ],
    ['reading https://proxy.example/x: 404 Not Found', /^A download failed/],
    ['./main.go:3:1: syntax error', /^go failed: building etcd stopped\.\n.*syntax error/],
  ])('%s', (stderr, message) => {
    expect(explain(stderr)).toMatch(message);
  });
});

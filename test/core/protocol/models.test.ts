import {
  displayName,
  layersOf,
  mirrorManifestKey,
  nameOfManifestKey,
  parseModelName,
} from '../../../core/protocol/models.ts';

const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;

describe('names of models', () => {
  it.each([
    ['llama3.1', 'llama3.1:latest', 'v2/registry.ollama.ai/library/llama3.1/manifests/latest'],
    ['llama3.1:8b', 'llama3.1:8b', 'v2/registry.ollama.ai/library/llama3.1/manifests/8b'],
    ['library/gemma3:270m', 'gemma3:270m', 'v2/registry.ollama.ai/library/gemma3/manifests/270m'],
    ['someone/thing:Q4', 'someone/thing:Q4', 'v2/registry.ollama.ai/someone/thing/manifests/q4'],
    [
      'hf.co/Org/Model-GGUF:Q4_K_M',
      'hf.co/Org/Model-GGUF:Q4_K_M',
      'v2/hf.co/org/model-gguf/manifests/q4_k_m',
    ],
    [
      '127.0.0.1:11435/library/m:t',
      '127.0.0.1:11435/library/m:t',
      'v2/127.0.0.1:11435/library/m/manifests/t',
    ],
  ])('%s is %s, kept at %s', (text, shown, key) => {
    expect(displayName(parseModelName(text))).toBe(shown);
    expect(mirrorManifestKey(parseModelName(text))).toBe(key);
    expect(nameOfManifestKey(key)).toEqual(
      parseModelName(key.replace(/^v2\//, '').replace('/manifests/', ':')),
    );
  });

  it.each(['', ':', 'a/b/c/d', '../etc/passwd', 'a b', 'name:', 'https://x.y/a/b', 'a/../b'])(
    '%j is none',
    (text) => {
      expect(() => parseModelName(text)).toThrow('is no name of a model');
    },
  );

  it('tells other keys from manifests', () => {
    expect(nameOfManifestKey('blobs/sha256-00')).toBeUndefined();
  });
});

describe('a manifest', () => {
  it('has its configuration among its layers, and each layer once', () => {
    const layers = [
      { digest: A, size: 5 },
      { digest: A, size: 5 },
    ];
    expect(layersOf(JSON.stringify({ schemaVersion: 2, config: { digest: B, size: 1 }, layers }))).toEqual([
      { digest: A, bytes: 5 },
      { digest: B, bytes: 1 },
    ]);
  });

  it.each([
    'nonsense',
    '{}',
    JSON.stringify({ schemaVersion: 2, layers: [] }),
    JSON.stringify({ schemaVersion: 2, layers: [{ digest: 'sha256:../../x', size: 1 }] }),
    JSON.stringify({ schemaVersion: 2, layers: [{ digest: A, size: -1 }] }),
  ])('that makes no sense is refused: %s', (text) => {
    expect(() => layersOf(text)).toThrow(/manifest/);
  });
});

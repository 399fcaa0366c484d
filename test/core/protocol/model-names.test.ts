import fc from 'fast-check';
import {
  canonicalModel,
  displayName,
  isModelName,
  manifestFile,
  parseModelName,
} from '../../../core/protocol/model-names.ts';
import { mirrorManifestKey, nameOfManifestKey } from '../../../core/protocol/models.ts';

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

  it.each([
    ['tiny', 'tiny:latest'],
    ['Llama3.1:8B', 'llama3.1:8b'],
    ['library/tiny', 'tiny:latest'],
    ['registry.ollama.ai/library/Tiny:latest', 'tiny:latest'],
    ['host:5000/team/model', 'host:5000/team/model:latest'],
    [' No/such/name/at:all ', 'no/such/name/at:all'],
  ])('%s means what %s means', (name, canonical) => {
    expect(canonicalModel(name)).toBe(canonical);
  });

  it.each([
    ['llama3.1:8b', 'manifests/registry.ollama.ai/library/llama3.1/8b'],
    ['team/model', 'manifests/registry.ollama.ai/team/model/latest'],
    ['hf.co/team/model-GGUF:Q4_K_M', 'manifests/hf.co/team/model-GGUF/Q4_K_M'],
    ['localhost:5000/team/model', 'manifests/localhost:5000/team/model/latest'],
  ])('%s has its manifest at %s', (model, path) => {
    expect(manifestFile(parseModelName(model))).toBe(path);
  });

  it('never lead out of the folder, or to another depth', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9_.:/-]{0,30}$/), (model) => {
        fc.pre(isModelName(model));
        const parts = manifestFile(parseModelName(model)).split('/');
        expect(parts).toHaveLength(5);
        for (const part of parts) expect(part).toMatch(/^[A-Za-z0-9_]/);
      }),
    );
  });
});

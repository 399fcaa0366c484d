import { layersOf } from '../../../core/protocol/models.ts';

const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;

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

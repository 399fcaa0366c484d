import { newApiKey } from '../../adapters/aws/api-keys.ts';
import { added, checkName, revoked } from '../../cli/key-ring.ts';
import { type ApiKeys, apiKeysSchema } from '../../core/protocol/api-keys.ts';

const make = (...names: string[]): ApiKeys =>
  names.reduce<ApiKeys>((ring, name) => added(ring, newApiKey(name, new Date(0)).record), { v: 1, keys: [] });

describe('a new key', () => {
  it('has 256 random bits, and is not in what is kept', () => {
    const { key, record } = newApiKey('app', new Date(0));

    expect(key).toMatch(/^paddock_[0-9a-f]{8}_[\w-]{43}$/);
    expect(JSON.stringify(record)).not.toContain(key.slice(-20));
    expect(newApiKey('app', new Date(0)).key).not.toBe(key);
  });

  it('makes a ring that the gateway understands, several of one name among it', () => {
    const ring = make('app', 'app', 'batch.nightly');

    expect(apiKeysSchema.parse(JSON.parse(JSON.stringify(ring)))).toEqual(ring);
  });

  it.each(['', '-app', 'my app', 'ä', 'x'.repeat(65), 'a/b'])('has no name like %j', (name) => {
    expect(() => checkName(name)).toThrow(/is no name for a key/);
  });

  it('does not fit a ring that is full', () => {
    const ring = make(...Array<string>(250).fill('app'));

    expect(Buffer.byteLength(JSON.stringify(ring))).toBeLessThan(65_536);
    expect(() => added(ring, newApiKey('one-more', new Date(0)).record)).toThrow(/revoke one first/);
  });
});

describe('revoking', () => {
  it('ends one key by its id, all of a holder by the name', () => {
    const ring = make('app', 'app', 'batch');
    const [first] = ring.keys;

    expect(revoked(ring, first?.id ?? '').left.keys).toEqual(ring.keys.slice(1));
    expect(revoked(ring, 'app').left.keys.map(({ name }) => name)).toEqual(['batch']);
    expect(() => revoked(ring, 'nobody')).toThrow(/no key/);
  });
});

import { type ApiKey, type ApiKeys, apiKeySchema } from '../core/protocol/api-keys.ts';

/** So many fit into a secret with room to spare (64 KiB). */
const MAX_KEYS = 250;

/** @throws Error that says which names there can be */
export function checkName(name: string): void {
  if (apiKeySchema.shape.name.safeParse(name).success) return;
  throw new Error(
    `'${name}' is no name for a key: up to 64 letters, digits, dots, underscores and dashes, beginning with a letter or digit.`,
  );
}

/** @throws Error when there are too many keys */
export function added({ keys }: ApiKeys, record: ApiKey): ApiKeys {
  if (keys.length >= MAX_KEYS) throw new Error(`There are ${keys.length} keys already: revoke one first.`);
  return { v: 1, keys: [...keys, record] };
}

/**
 * Without the key of this id, or without all keys of this name.
 * @throws Error when there is none
 */
export function revoked({ keys }: ApiKeys, idOrName: string): { left: ApiKeys; gone: ApiKey[] } {
  const gone = keys.filter(({ id, name }) => id === idOrName || name === idOrName);
  if (gone.length === 0) throw new Error(`There is no key with the id or name '${idOrName}'.`);
  return { left: { v: 1, keys: keys.filter((key) => !gone.includes(key)) }, gone };
}

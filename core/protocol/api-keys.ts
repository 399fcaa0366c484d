import * as z from 'zod';

/** One API key, without the key. */
export const apiKeySchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  /** Who uses it. Keys of one name share what they submit: a new one takes over from an old one. */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  /** SHA-256 of the whole key, hexadecimal. The key has 256 random bits: a slow hash would add nothing. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** ISO 8601. */
  createdAt: z.string(),
});

export type ApiKey = z.infer<typeof apiKeySchema>;

/** Value of the secret that the gateway reads and `paddock keys` writes. */
export const apiKeysSchema = z.strictObject({ v: z.literal(1), keys: z.array(apiKeySchema) });

export type ApiKeys = z.infer<typeof apiKeysSchema>;

export const apiKeysSecretName = (cluster: string): string => `paddock/${cluster}/gateway-keys`;

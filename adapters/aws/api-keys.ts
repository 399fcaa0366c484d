import { createHash, randomBytes } from 'node:crypto';
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { type ApiKey, type ApiKeys, apiKeysSchema } from '../../core/protocol/api-keys.ts';
import { mapAwsError, RefusedError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

/** A new key: `key` is for its holder and is kept nowhere, `record` is for the secret. */
export function newApiKey(name: string, createdAt: Date): { key: string; record: ApiKey } {
  const id = randomBytes(4).toString('hex');
  const key = `paddock_${id}_${randomBytes(32).toString('base64url')}`;
  const sha256 = createHash('sha256').update(key).digest('hex');
  return { key, record: { id, name, sha256, createdAt: createdAt.toISOString() } };
}

export interface ApiKeysReader {
  /** Throws RefusedError (not allowed, or not understood), NotFoundError (no such secret), UnavailableError. */
  read(): Promise<ApiKeys>;
}

/** The gateway's keys in Secrets Manager. A secret without a value has no keys. */
export class SecretApiKeys implements ApiKeysReader {
  readonly #client: SecretsManagerClient;
  readonly #secret: string;

  /** @param secret name or ARN */
  constructor(secret: string, client = new SecretsManagerClient(clientOptions())) {
    this.#secret = secret;
    this.#client = client;
  }

  async read(): Promise<ApiKeys> {
    try {
      const { SecretString = '' } = await this.#client.send(
        new GetSecretValueCommand({ SecretId: this.#secret }),
      );
      return this.#parse(SecretString);
    } catch (error) {
      // The same error says that there is no secret and that it has no value; only the message tells which.
      if (error instanceof ResourceNotFoundException && /staging label|secret value/i.test(error.message)) {
        return { v: 1, keys: [] };
      }
      throw mapAwsError(error, `read the secret ${this.#secret}`);
    }
  }

  async write(keys: ApiKeys): Promise<void> {
    try {
      await this.#client.send(
        new PutSecretValueCommand({ SecretId: this.#secret, SecretString: JSON.stringify(keys) }),
      );
    } catch (error) {
      throw mapAwsError(error, `write the secret ${this.#secret}`);
    }
  }

  /** What stands in the secret is told to nobody: an error names the place only. */
  #parse(text: string): ApiKeys {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw new RefusedError(
        `the secret ${this.#secret} is not JSON; make keys anew with "paddock keys"`,
        'NotJson',
      );
    }
    const parsed = apiKeysSchema.safeParse(json);
    if (parsed.success) return parsed.data;
    const places = parsed.error.issues.map(({ path }) => path.join('.') || 'the top').join(', ');
    throw new RefusedError(`the secret ${this.#secret} can't be understood, at ${places}`, 'NotUnderstood');
  }
}

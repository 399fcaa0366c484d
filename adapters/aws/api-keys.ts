import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { type ApiKey, type ApiKeys, apiKeysSchema } from '../../core/protocol/api-keys.ts';
import { ConflictError, mapAwsError, RefusedError } from '../errors.ts';
import { clientOptions, commandOptions } from './client-options.ts';

/** The label of a version on its way to be current. */
const PENDING = 'PADDOCKPENDING';
const ATTEMPTS = 10;
const PAUSE_MS = 100;

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

  /** For a command: it waits longer than a tick does. */
  static forCommand(secret: string): SecretApiKeys {
    return new SecretApiKeys(secret, new SecretsManagerClient(commandOptions()));
  }

  async read(): Promise<ApiKeys> {
    return (await this.#current()).keys;
  }

  /**
   * Changes the keys, as a whole and over nothing but what the change was made from: a new version becomes current only if
   * the one that was read still is; else the change is made anew.
   * @param edit is called once for each try; what it throws ends the change
   * @throws ConflictError when others were faster each time; RefusedError, NotFoundError, UnavailableError
   */
  async change(edit: (keys: ApiKeys) => ApiKeys): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const { keys, version } = await this.#current();
      if (await this.#swap(version, JSON.stringify(edit(keys)))) return;
      await delay(Math.random() * attempt * PAUSE_MS);
    }
    throw new ConflictError(
      'others change the API keys at the same time; nothing was changed, try again',
      'VersionChanged',
    );
  }

  async #current(): Promise<{ keys: ApiKeys; version: string | undefined }> {
    try {
      const { SecretString = '', VersionId } = await this.#client.send(
        new GetSecretValueCommand({ SecretId: this.#secret }),
      );
      return { keys: this.#parse(SecretString), version: VersionId };
    } catch (error) {
      // The same error says that there is no secret and that it has no value; only the message tells which.
      if (error instanceof ResourceNotFoundException && /staging label|secret value/i.test(error.message)) {
        return { keys: { v: 1, keys: [] }, version: undefined };
      }
      throw mapAwsError(error, `read the secret ${this.#secret}`);
    }
  }

  /**
   * Whether this text is current now. Secrets Manager has no conditional write, but it moves a label only away from the version
   * that it is told (`RemoveFromVersionId`), and gives `AWSCURRENT` by itself to a secret's first version alone.
   */
  async #swap(from: string | undefined, text: string): Promise<boolean> {
    let failure: unknown;
    let mine: string | undefined;
    try {
      const put = new PutSecretValueCommand({
        ...{ SecretId: this.#secret, SecretString: text, VersionStages: [PENDING] },
      });
      ({ VersionId: mine } = await this.#client.send(put));
    } catch (error) {
      throw mapAwsError(error, `write the secret ${this.#secret}`);
    }
    if (from !== undefined) {
      try {
        const move = { VersionStage: 'AWSCURRENT', MoveToVersionId: mine, RemoveFromVersionId: from };
        await this.#client.send(new UpdateSecretVersionStageCommand({ SecretId: this.#secret, ...move }));
        return true;
      } catch (error) {
        failure = error;
      }
    }
    // A refusal may also be the second answer to a call that succeeded: what is current tells.
    const { version } = await this.#current();
    if (version === mine) return true;
    if (version !== from || failure === undefined) return false;
    throw mapAwsError(failure, `write the secret ${this.#secret}`);
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

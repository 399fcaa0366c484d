import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AwsError, type ResolvedResource, type ResourceRef } from '../front/types.ts';
import type { Clock } from './clock.ts';
import { Emulator, parse } from './operations.ts';

export interface SecretsManagerOptions {
  clock: Clock;
  accountId: string;
  region: string;
}

interface Version {
  id: string;
  text: string;
  createdAt: Date;
}

interface Secret {
  name: string;
  arn: string;
  description: string | undefined;
  createdAt: Date;
  /** Oldest first; the last is AWSCURRENT, the one before AWSPREVIOUS. */
  versions: Version[];
}

const LONGEST_SECRET_BYTES = 65_536;

const secretId = z.string().min(1).max(2048);
const createSecret = z.object({
  Name: z
    .string()
    .max(512)
    .regex(/^[\w/+=.@-]+$/),
  Description: z.string().optional(),
  SecretString: z.string().min(1).optional(),
});
const getSecretValue = z.object({
  SecretId: secretId,
  VersionStage: z.enum(['AWSCURRENT', 'AWSPREVIOUS']).default('AWSCURRENT'),
  VersionId: z.string().optional(),
});
const putSecretValue = z.object({ SecretId: secretId, SecretString: z.string().min(1) });

/** Secrets Manager: text secrets with their current and their previous version. */
export class SecretsManagerEmulator extends Emulator {
  readonly service = 'secretsmanager';
  readonly #options: SecretsManagerOptions;
  readonly #secrets = new Map<string, Secret>();

  constructor(options: SecretsManagerOptions) {
    super();
    this.#options = options;
  }

  protected readonly operations = {
    CreateSecret: (input: unknown) => this.createSecret(input),
    GetSecretValue: (input: unknown) => this.getSecretValue(input),
    PutSecretValue: (input: unknown) => this.putSecretValue(input),
    DescribeSecret: (input: { SecretId?: string }) => this.describeSecret(input),
  };

  /** @param arn as the template resolves it; by default one with a suffix that follows from the name */
  createSecret(input: unknown, arn?: string): { ARN: string; Name: string; VersionId?: string } {
    const { Name, Description, SecretString } = parse(createSecret, input, 'ValidationException');
    if (this.#secrets.has(Name)) {
      throw new AwsError(
        'ResourceExistsException',
        `The operation failed because the secret ${Name} already exists.`,
      );
    }
    const { region, accountId, clock } = this.#options;
    const suffix = createHash('sha256').update(Name).digest('hex').slice(0, 6);
    const secret: Secret = {
      name: Name,
      arn: arn ?? `arn:aws:secretsmanager:${region}:${accountId}:secret:${Name}-${suffix}`,
      description: Description,
      createdAt: new Date(clock.now()),
      versions: [],
    };
    this.#secrets.set(Name, secret);
    const version = SecretString === undefined ? undefined : this.#add(secret, SecretString);
    return { ARN: secret.arn, Name, ...(version ? { VersionId: version.id } : {}) };
  }

  /** Throws ResourceNotFoundException, also for a secret that has no value yet. */
  getSecretValue(input: unknown) {
    const { SecretId, VersionStage, VersionId } = parse(getSecretValue, input, 'InvalidParameterException');
    const secret = this.#find(SecretId);
    const version =
      VersionId === undefined
        ? secret.versions.at(VersionStage === 'AWSCURRENT' ? -1 : -2)
        : secret.versions.find(({ id }) => id === VersionId);
    if (!version) {
      const which = VersionId === undefined ? `staging label: ${VersionStage}` : `version id: ${VersionId}`;
      throw new AwsError(
        'ResourceNotFoundException',
        `Secrets Manager can't find the specified secret value for ${which}`,
      );
    }
    return {
      ARN: secret.arn,
      Name: secret.name,
      VersionId: version.id,
      SecretString: version.text,
      VersionStages: this.#stages(secret, version),
      CreatedDate: version.createdAt,
    };
  }

  putSecretValue(input: unknown) {
    const { SecretId, SecretString } = parse(putSecretValue, input, 'InvalidParameterException');
    const secret = this.#find(SecretId);
    const version = this.#add(secret, SecretString);
    return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: ['AWSCURRENT'] };
  }

  describeSecret({ SecretId = '' }: { SecretId?: string }) {
    const { arn, name, description, createdAt, versions } = this.#find(SecretId);
    const stages = versions.slice(-2).map((version) => [version.id, this.#stages(this.#find(name), version)]);
    return {
      ARN: arn,
      Name: name,
      ...(description === undefined ? {} : { Description: description }),
      CreatedDate: createdAt,
      VersionIdsToStages: Object.fromEntries(stages),
    };
  }

  resolveResource(ref: ResourceRef): ResolvedResource | undefined {
    const secret = ref.kind === 'secret' ? this.#lookUp(ref.name) : undefined;
    return secret && { arn: secret.arn };
  }

  #add(secret: Secret, text: string): Version {
    if (Buffer.byteLength(text) > LONGEST_SECRET_BYTES) {
      throw new AwsError(
        'InvalidParameterException',
        `Secret value is longer than ${LONGEST_SECRET_BYTES} bytes.`,
      );
    }
    const version = { id: randomUUID(), text, createdAt: new Date(this.#options.clock.now()) };
    secret.versions.push(version);
    return version;
  }

  #stages(secret: Secret, version: Version): string[] {
    if (version === secret.versions.at(-1)) return ['AWSCURRENT'];
    return version === secret.versions.at(-2) ? ['AWSPREVIOUS'] : [];
  }

  #find(id: string): Secret {
    const secret = this.#lookUp(id);
    if (secret) return secret;
    throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
  }

  /** By name, by ARN, or by ARN without its suffix. */
  #lookUp(id: string): Secret | undefined {
    return (
      this.#secrets.get(id) ??
      [...this.#secrets.values()].find(({ arn }) => arn === id || arn.slice(0, -7) === id)
    );
  }
}

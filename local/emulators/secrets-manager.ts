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

const CURRENT = 'AWSCURRENT';
const PREVIOUS = 'AWSPREVIOUS';

interface Secret {
  name: string;
  arn: string;
  description: string | undefined;
  createdAt: Date;
  /** Oldest first. */
  versions: Version[];
  /** Which version has a staging label. */
  stages: Map<string, string>;
}

const LONGEST_SECRET_BYTES = 65_536;

const secretId = z.string().min(1).max(2048);
const stage = z.string().min(1).max(256);
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
  VersionStage: stage.default(CURRENT),
  VersionId: z.string().optional(),
});
const putSecretValue = z.object({
  SecretId: secretId,
  SecretString: z.string().min(1),
  VersionStages: z.array(stage).min(1).max(20).default([CURRENT]),
});
const updateSecretVersionStage = z.object({
  SecretId: secretId,
  VersionStage: stage,
  MoveToVersionId: z.string().optional(),
  RemoveFromVersionId: z.string().optional(),
});

/** Secrets Manager: text secrets, their versions and the staging labels of those. */
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
    UpdateSecretVersionStage: (input: unknown) => this.updateSecretVersionStage(input),
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
      stages: new Map(),
    };
    this.#secrets.set(Name, secret);
    const version = SecretString === undefined ? undefined : this.#add(secret, SecretString, [CURRENT]);
    return { ARN: secret.arn, Name, ...(version ? { VersionId: version.id } : {}) };
  }

  /** Throws ResourceNotFoundException, also for a secret that has no value yet. */
  getSecretValue(input: unknown) {
    const { SecretId, VersionStage, VersionId } = parse(getSecretValue, input, 'InvalidParameterException');
    const secret = this.#find(SecretId);
    const wanted = VersionId ?? secret.stages.get(VersionStage);
    const version = secret.versions.find(({ id }) => id === wanted);
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
      VersionStages: stagesOf(secret, version.id),
      CreatedDate: version.createdAt,
    };
  }

  putSecretValue(input: unknown) {
    const { SecretId, SecretString, VersionStages } = parse(
      putSecretValue,
      input,
      'InvalidParameterException',
    );
    const secret = this.#find(SecretId);
    const { id } = this.#add(secret, SecretString, VersionStages);
    return { ARN: secret.arn, Name: secret.name, VersionId: id, VersionStages: stagesOf(secret, id) };
  }

  /** Throws InvalidParameterException for a label that is not where the caller says. */
  updateSecretVersionStage(input: unknown) {
    const { SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId } = parse(
      updateSecretVersionStage,
      input,
      'InvalidParameterException',
    );
    const secret = this.#find(SecretId);
    const holder = secret.stages.get(VersionStage);
    const isElsewhere = holder !== undefined && holder !== MoveToVersionId;
    if ((isElsewhere || RemoveFromVersionId !== undefined) && holder !== RemoveFromVersionId) {
      throw new AwsError(
        'InvalidParameterException',
        `The parameter RemoveFromVersionId can't be empty or another version: staging label ${VersionStage} is currently attached to version ${holder}.`,
      );
    }
    if (MoveToVersionId === undefined) secret.stages.delete(VersionStage);
    else if (secret.versions.some(({ id }) => id === MoveToVersionId))
      attach(secret, VersionStage, MoveToVersionId);
    else throw new AwsError('ResourceNotFoundException', `Version not found: ${MoveToVersionId}`);
    return { ARN: secret.arn, Name: secret.name };
  }

  describeSecret({ SecretId = '' }: { SecretId?: string }) {
    const secret = this.#find(SecretId);
    const { arn, name, description, createdAt, versions } = secret;
    const stages = versions
      .map(({ id }) => [id, stagesOf(secret, id)] as const)
      .filter(([, labels]) => labels.length > 0);
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

  #add(secret: Secret, text: string, stages: readonly string[]): Version {
    if (Buffer.byteLength(text) > LONGEST_SECRET_BYTES) {
      throw new AwsError(
        'InvalidParameterException',
        `Secret value is longer than ${LONGEST_SECRET_BYTES} bytes.`,
      );
    }
    const version = { id: randomUUID(), text, createdAt: new Date(this.#options.clock.now()) };
    const isFirst = secret.versions.length === 0;
    secret.versions.push(version);
    for (const label of new Set([...stages, ...(isFirst ? [CURRENT] : [])]))
      attach(secret, label, version.id);
    return version;
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

const stagesOf = ({ stages }: Secret, id: string): string[] =>
  [...stages].flatMap(([label, holder]) => (holder === id ? [label] : []));

/** AWSPREVIOUS follows AWSCURRENT to where that was. */
function attach({ stages }: Secret, label: string, id: string): void {
  const before = stages.get(label);
  if (label === CURRENT && before !== undefined && before !== id) stages.set(PREVIOUS, before);
  stages.set(label, id);
}

import type { AccessEntry } from '@aws-sdk/client-eks';
import { AwsError } from '../front/types.ts';
import type { Clock } from './clock.ts';
import type { Ids } from './ids.ts';

export interface AccessEntrySpec {
  /** ARN of an IAM role. */
  principalArn: string;
  kubernetesGroups: string[];
  /** Default: `arn:aws:sts::<account>:assumed-role/<role>/{{SessionName}}`. */
  username?: string;
}

export const notFound = (message: string): AwsError =>
  new AwsError('ResourceNotFoundException', message, 404);

/** Which IAM principal is who in Kubernetes. */
export class AccessEntries {
  readonly #options: { clock: Clock; ids: Ids; accountId: string; region: string };
  readonly #entries = new Map<string, AccessEntry>();

  constructor(options: { clock: Clock; ids: Ids; accountId: string; region: string }) {
    this.#options = options;
  }

  add(entry: AccessEntrySpec, clusterName: string): AccessEntry {
    const { clock, ids, accountId, region } = this.#options;
    const role = entry.principalArn.split('/').at(-1) ?? '';
    const now = new Date(clock.now());
    const stored: AccessEntry = {
      clusterName,
      principalArn: entry.principalArn,
      kubernetesGroups: [...entry.kubernetesGroups],
      accessEntryArn: `arn:aws:eks:${region}:${accountId}:access-entry/${clusterName}/role/${accountId}/${role}/${ids.uuid()}`,
      username: entry.username ?? `arn:aws:sts::${accountId}:assumed-role/${role}/{{SessionName}}`,
      type: 'STANDARD',
      createdAt: now,
      modifiedAt: now,
      tags: {},
    };
    this.#entries.set(entry.principalArn, stored);
    return stored;
  }

  principals(): string[] {
    return [...this.#entries.keys()];
  }

  /** Throws ResourceNotFoundException. */
  find(principalArn: string | undefined): AccessEntry {
    const entry = this.#entries.get(principalArn ?? '');
    if (!entry) {
      throw notFound(
        `The specified principalArn could not be found. You can view your available access entries with 'aws eks list-access-entries'.`,
      );
    }
    return entry;
  }
}

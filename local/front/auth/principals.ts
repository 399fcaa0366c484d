import { createHash } from 'node:crypto';
import type { Principal } from '../types.ts';

const ALLOW_ALL = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

export interface NewPrincipal {
  name: string;
  roleArn: string;
  /** IAM policy documents, resolved. */
  policies: readonly unknown[];
}

/** Who may call; keys follow from the seed and the name, so a run can be repeated. */
export class Principals {
  readonly #seed: string;
  readonly #byKey = new Map<string, Principal>();
  readonly admin: Principal;

  constructor(seed: string, accountId: string) {
    this.#seed = seed;
    const roleArn = `arn:aws:iam::${accountId}:role/admin`;
    this.admin = this.add({ name: 'admin', roleArn, policies: [ALLOW_ALL] });
  }

  /** Adding a name again replaces its policies and keeps its key. */
  add({ name, roleArn, policies }: NewPrincipal): Principal {
    const accessKeyId = `AKIA${this.#derive(name, 'id').toString('hex').toUpperCase().slice(0, 16)}`;
    const secretAccessKey = this.#derive(name, 'secret').toString('base64url').slice(0, 40);
    const principal: Principal = { accessKeyId, secretAccessKey, roleArn, name, policies: [...policies] };
    this.#byKey.set(accessKeyId, principal);
    return principal;
  }

  byKey(accessKeyId: string): Principal | undefined {
    return this.#byKey.get(accessKeyId);
  }

  #derive(name: string, what: string): Buffer {
    return createHash('sha256')
      .update(JSON.stringify([this.#seed, name, what]))
      .digest();
  }
}

/** How a role's caller appears in STS and in error messages. */
export function callerArn({ roleArn, name }: Principal): string {
  const [, , , , account, resource = ''] = roleArn.split(':');
  return `arn:aws:sts::${account}:assumed-role/${resource.split('/').at(-1)}/${name}`;
}

import { askedFor, type ContextValues, commonContext } from '../front/iam/context.ts';
import { policyFacts, wildcard } from '../front/iam/policy.ts';
import { simulate } from '../front/iam/simulate.ts';
import type { PolicyDocument } from '../template/aws-managed-policies.ts';
import type { ResolvedApp } from '../template/load.ts';
import type { RoleView } from '../template/roles.ts';
import { type Removable, removables } from './iam-grants.ts';
import type { AwsCall } from './recording.ts';

/** Replays recorded calls of one role against its policies of today. */
export class RoleReplay {
  readonly #app: ResolvedApp;
  readonly #role: RoleView;
  readonly #calls: readonly AwsCall[];

  /** @param calls of this role, with whole ARNs */
  constructor(app: ResolvedApp, role: RoleView, calls: readonly AwsCall[]) {
    this.#app = app;
    this.#role = role;
    this.#calls = calls;
  }

  /** Recorded calls that the role may not make (any more). */
  async refused(): Promise<AwsCall[]> {
    const { policies } = this.#role;
    const refused = await Promise.all(
      this.#calls.map(async (call) => ((await this.#isAllowed(call, policies)) ? [] : [call])),
    );
    return refused.flat();
  }

  /** Each part of the role's own policies, and whether one of the calls is refused without it. */
  async parts(): Promise<(Removable & { isNeeded: boolean })[]> {
    const { ownPolicies } = this.#role;
    return Promise.all(
      removables(ownPolicies).map(async (part) => ({ ...part, isNeeded: await this.#isNeeded(part) })),
    );
  }

  async #isNeeded({ action, without }: Removable): Promise<boolean> {
    const policies = [...this.#managed(), ...without];
    const affected = this.#calls.filter((call) => concerns(action, call));
    for (const call of affected) if (!(await this.#isAllowed(call, policies))) return true;
    return false;
  }

  #managed(): PolicyDocument[] {
    const { policies, ownPolicies } = this.#role;
    return policies.filter((policy) => !ownPolicies.includes(policy));
  }

  async #isAllowed(
    { action, resource, context }: AwsCall,
    policies: readonly PolicyDocument[],
  ): Promise<boolean> {
    const { accountId, region } = this.#app;
    const principal = { name: this.#role.logicalId, roleArn: this.#role.arn };
    const facts = policyFacts(principal.name, this.#role.policies);
    const all: ContextValues = { ...commonContext(principal, accountId, region), ...context };
    const check = { action, resource, context: askedFor(facts, all) };
    return (await simulate(principal, policies, check, accountId)) === 'Allowed';
  }
}

/** Whether leaving out `pattern` (actions, joined by commas) can make a difference to a call. */
const concerns = (pattern: string, { action }: AwsCall): boolean =>
  pattern
    .split(',')
    .some((one) => !one.includes(':') || wildcard(one.toLowerCase()).test(action.toLowerCase()));

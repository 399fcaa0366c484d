import { callerArn } from '../auth/principals.ts';
import { serviceSpec } from '../services.ts';
import {
  AwsError,
  type AwsService,
  type Principal,
  type ResourceRef,
  type ServiceEmulator,
} from '../types.ts';
import { commonError } from '../wire/errors.ts';
import * as capacity from './capacity-services.ts';
import { askedFor, type ContextValues, checkContextKeys, commonContext } from './context.ts';
import * as control from './control-services.ts';
import * as data from './data-services.ts';
import { type Check, type Input, MissingInput, type ServiceMappings } from './mapping.ts';
import { type PolicyFacts, policyFacts, resourceClass } from './policy.ts';
import { type Decision, simulate } from './simulate.ts';

/** Calls of one kind. */
export interface CallRecord {
  principal: string;
  action: string;
  /** Objects are counted per folder. */
  resource: string;
  /** The first call's own resource and context, as far as the principal's policies look at it: enough to ask again. */
  first: { resource: string; context: ContextValues };
  allowed: boolean;
  count: number;
}

export interface AuthorizerOptions {
  accountId: string;
  region: string;
  emulator(service: AwsService): ServiceEmulator | undefined;
}

export const MAPPINGS: Readonly<Record<AwsService, ServiceMappings>> = { ...capacity, ...control, ...data };

/** Decisions kept per principal; a run with more kinds of requests starts over. */
const CACHE_SIZE = 5000;

interface Known {
  facts: PolicyFacts;
  decisions: Map<string, Promise<Decision>>;
}

/** Checks every request against its principal's policies and keeps a record. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #known = new WeakMap<Principal, Known>();
  readonly #calls = new Map<string, CallRecord>();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** @throws Error when a policy can't be evaluated here */
  admit(principal: Principal): void {
    const facts = policyFacts(principal.name, principal.policies);
    checkContextKeys(principal.name, facts);
    this.#known.set(principal, { facts, decisions: new Map() });
  }

  /**
   * The resources that the request names, for listeners.
   * @throws AwsError AccessDenied in the service's spelling; NotImplemented where the front has no mapping
   */
  async authorize(
    principal: Principal,
    service: AwsService,
    operation: string,
    input: Input,
  ): Promise<string[]> {
    const checks = this.#checks(service, operation, input);
    for (const check of checks) {
      const decision = await this.#decide(principal, check);
      this.#record(principal, check, decision === 'Allowed');
      if (decision !== 'Allowed') throw denied(service, principal, check, decision);
    }
    return checks.map(({ resource }) => resource);
  }

  /** One permission that is not this request's own: recorded when there is use of it, no error when there is not. */
  async may(principal: Principal, check: Check): Promise<boolean> {
    const isAllowed = (await this.#decide(principal, check)) === 'Allowed';
    if (isAllowed) this.#record(principal, check, true);
    return isAllowed;
  }

  calls(): CallRecord[] {
    return structuredClone([...this.#calls.values()]);
  }

  #checks(service: AwsService, operation: string, input: Input): Check[] {
    const mappings = MAPPINGS[service];
    const mapping = Object.hasOwn(mappings, operation) ? mappings[operation] : undefined;
    if (!mapping) {
      throw new AwsError(
        'NotImplemented',
        `the local AWS front does not know which permissions ${service}:${operation} needs; add it to local/front/iam`,
        501,
      );
    }
    const { accountId, region } = this.#options;
    const resolve = (ref: ResourceRef) => this.#options.emulator(service)?.resolveResource?.(ref);
    try {
      return mapping(input, { accountId, region, resolve }, operation);
    } catch (error) {
      if (!(error instanceof MissingInput)) throw error;
      // Nothing to check and nothing to do: refuse as the service's own validation would.
      throw commonError(serviceSpec(service), 'malformed', error.message);
    }
  }

  async #decide(principal: Principal, check: Check): Promise<Decision> {
    const known = this.#known.get(principal);
    if (!known) throw new Error(`${principal.name} was never admitted`);
    const { accountId, region } = this.#options;
    const context = askedFor(known.facts, {
      ...commonContext(principal, accountId, region),
      ...check.context,
    });
    const key = JSON.stringify([check.action, resourceClass(known.facts, check.resource), context]);
    let decision = known.decisions.get(key);
    if (!decision) {
      if (known.decisions.size >= CACHE_SIZE) known.decisions.clear();
      decision = simulate(principal, principal.policies, { ...check, context }, accountId);
      known.decisions.set(key, decision);
    }
    return await decision;
  }

  #record(principal: Principal, check: Check, allowed: boolean): void {
    const facts = this.#known.get(principal)?.facts;
    const context = facts && check.context ? askedFor(facts, check.context) : {};
    const resource = allowed ? (check.reportAs ?? check.resource) : check.resource;
    // What policies tell apart is not one kind, although it lies in one folder.
    const kind = facts?.patterns ? resourceClass(facts, check.resource) : '';
    const key = JSON.stringify([principal.name, check.action, resource, kind, context, allowed]);
    const call = this.#calls.get(key);
    if (call) {
      call.count++;
      return;
    }
    const [{ name }, { action }] = [principal, check];
    const first = { resource: check.resource, context };
    this.#calls.set(key, { principal: name, action, resource, first, allowed, count: 1 });
  }
}

function denied(service: AwsService, principal: Principal, check: Check, decision: Decision): AwsError {
  const why =
    decision === 'ExplicitlyDenied'
      ? 'with an explicit deny in an identity-based policy'
      : `because no identity-based policy allows the ${check.action} action`;
  return commonError(
    serviceSpec(service),
    'denied',
    `User: ${callerArn(principal)} is not authorized to perform: ${check.action} on resource: ${check.resource} ${why}`,
  );
}

import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import * as z from 'zod';
import type { FleetPolicy } from '../../core/scaling/types.ts';
import { mapAwsError, RefusedError } from '../errors.ts';
import { clientOptions, commandOptions } from './client-options.ts';

/** What the stack tells the functions about a fleet. */
export interface FleetParameters {
  policy: FleetPolicy;
  clusterName: string;
  queueUrl: string;
  /** Missing in what an older stack wrote, as the next. */
  deadLetterQueueUrl?: string | undefined;
  resultsBucket?: string | undefined;
  modelsBucket?: string | undefined;
}

export interface FleetParametersReader {
  /** Throws NotFoundError (no such fleet), RefusedError (not allowed, or not understood), UnavailableError. */
  read(fleet: string): Promise<FleetParameters>;
}

const amount = z.number().nonnegative();

const policySchema: z.ZodType<FleetPolicy> = z.looseObject({
  fleet: z.string().min(1),
  targetWaitSeconds: z.number().positive(),
  attainment: z.number().min(0).max(1),
  minReplicas: z.int().nonnegative(),
  maxReplicas: z.int().nonnegative(),
  activationBacklog: amount,
  idleSeconds: amount,
  schedule: z.array(
    z.looseObject({
      days: z.array(z.int().min(1).max(7)),
      from: z.string(),
      to: z.string(),
      timeZone: z.string(),
      replicas: z.int().nonnegative(),
    }),
  ),
  costCapPerHour: amount,
  maxStepOut: z.int().nonnegative(),
  maxStepIn: z.int().nonnegative(),
  spotShare: z.number().min(0).max(1),
  onDemandBase: z.int().nonnegative(),
  tickSeconds: z.number().positive(),
  drainDeadlineSeconds: amount,
  // Missing in what an older stack wrote.
  fallbackDelaySeconds: amount.default(30),
  quarantineSeconds: amount.default(60),
  quarantineMaxSeconds: amount.default(3600),
  pools: z
    .array(
      z.looseObject({
        name: z.string().min(1),
        capacityType: z.enum(['on-demand', 'spot']),
        kind: z.enum(['persistent', 'elastic']),
        min: z.int().nonnegative(),
        max: z.int().nonnegative(),
        slots: z.int().positive(),
        pricePerHour: amount,
        onDemandPricePerHour: amount.optional(),
        expectedSecondsPerRequest: z.number().positive(),
        expectedLeadSeconds: amount,
      }),
    )
    .min(1),
});

/** Loose: a parameter written by a newer stack keeps what this function does not know yet. */
const parametersSchema: z.ZodType<FleetParameters> = z.looseObject({
  policy: policySchema,
  clusterName: z.string().min(1),
  queueUrl: z.string().min(1),
  deadLetterQueueUrl: z.string().min(1).optional(),
  resultsBucket: z.string().min(1).optional(),
  modelsBucket: z.string().min(1).optional(),
});

/** Reads the parameter's JSON. Throws RefusedError that names the fields that make no sense. */
export function parseFleetParameters(text: string, name: string): FleetParameters {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new RefusedError(`the parameter ${name} is not JSON; deploy the stack again`, 'NotJson', error);
  }
  const parsed = parametersSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new RefusedError(
    `the parameter ${name} can't be understood; deploy the stack again:\n${z.prettifyError(parsed.error)}`,
    'NotUnderstood',
    parsed.error,
  );
}

/** Keeps each fleet's parameters for a minute; a failed read is not kept. */
export class SsmFleetParameters implements FleetParametersReader {
  readonly #client: SSMClient;
  readonly #prefix: string;
  readonly #now: () => number;
  readonly #kept = new Map<string, { until: number; value: FleetParameters }>();

  /**
   * @param prefix `/paddock/<cluster>/fleets/`, with its last slash
   * @param now epoch milliseconds
   */
  constructor(prefix: string, client: SSMClient = new SSMClient(clientOptions()), now = Date.now) {
    this.#prefix = prefix;
    this.#client = client;
    this.#now = now;
  }

  /** For a command: it waits longer than a tick does. */
  static forCommand(prefix: string): SsmFleetParameters {
    return new SsmFleetParameters(prefix, new SSMClient(commandOptions()));
  }

  async read(fleet: string): Promise<FleetParameters> {
    const kept = this.#kept.get(fleet);
    if (kept && this.#now() < kept.until) return kept.value;
    const name = `${this.#prefix}${fleet}`;
    const { Parameter } = await this.#client
      .send(new GetParameterCommand({ Name: name }))
      .catch((error: unknown) => {
        throw mapAwsError(error, `read the parameter ${name} of the fleet`);
      });
    const value = parseFleetParameters(Parameter?.Value ?? '', name);
    this.#kept.set(fleet, { until: this.#now() + 60_000, value });
    return value;
  }
}

import * as z from 'zod';
import { canonicalModel } from '../../core/protocol/model-names.ts';
import type { RateLimit } from '../../core/rate-limit.ts';
import { readJson } from '../shared/env.ts';

/** A fleet as the gateway knows it. */
export interface GatewayFleet {
  name: string;
  models: readonly string[];
  queueUrl: string;
}

const fleetsSchema = z
  .array(
    z.strictObject({ name: z.string().min(1), models: z.array(z.string().min(1)).min(1), queueUrl: z.url() }),
  )
  .min(1);

/** @throws Error that says what is wrong with the variable */
export const parseFleets = (text: string): GatewayFleet[] => readJson(fleetsSchema, 'PADDOCK_FLEETS', text);

const limitSchema = z.strictObject({ requestsPerMinute: z.int().min(1), burst: z.int().min(1) });

/** @throws Error that says what is wrong with the variable */
export const parseLimit = (text: string): RateLimit => readJson(limitSchema, 'PADDOCK_KEY_LIMIT', text);

/** Which fleet serves a model: the first that lists it. */
export class ModelDirectory {
  readonly #byModel = new Map<string, GatewayFleet>();
  readonly #fleets: readonly GatewayFleet[];

  constructor(fleets: readonly GatewayFleet[]) {
    this.#fleets = fleets;
    for (const fleet of fleets) {
      for (const model of fleet.models) {
        const name = canonicalModel(model);
        if (!this.#byModel.has(name)) this.#byModel.set(name, fleet);
      }
    }
  }

  fleetFor(model: string): GatewayFleet | undefined {
    return this.#byModel.get(canonicalModel(model));
  }

  hasFleet(name: string): boolean {
    return this.#fleets.some((fleet) => fleet.name === name);
  }

  get models(): string[] {
    return [...new Set(this.#fleets.flatMap(({ models }) => models))];
  }
}

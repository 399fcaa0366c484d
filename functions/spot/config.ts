import * as z from 'zod';
import { nodegroupName } from '../../core/protocol/names.ts';
import { readJson } from '../shared/env.ts';

const schema = z
  .array(z.strictObject({ name: z.string().min(1), pools: z.array(z.string().min(1)).min(1) }))
  .min(1);

/** Whose a node group is. */
export interface Owner {
  fleet: string;
  pool: string;
}

/**
 * Reads the fleets and their pools.
 * @returns the owners by node group
 * @throws Error that says what is wrong with the variable
 */
export const parseOwners = (text: string, cluster: string): Map<string, Owner> =>
  new Map(
    readJson(schema, 'PADDOCK_FLEETS', text).flatMap(({ name, pools }) =>
      pools.map((pool) => [nodegroupName(cluster, name, pool), { fleet: name, pool }] as const),
    ),
  );

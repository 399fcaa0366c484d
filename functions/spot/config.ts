import * as z from 'zod';
import { nodegroupName } from '../../core/protocol/names.ts';

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
export function parseOwners(text: string, cluster: string): Map<string, Owner> {
  try {
    return new Map(
      schema
        .parse(JSON.parse(text))
        .flatMap(({ name, pools }) =>
          pools.map((pool) => [nodegroupName(cluster, name, pool), { fleet: name, pool }] as const),
        ),
    );
  } catch (error) {
    throw new Error('PADDOCK_FLEETS is not a list of fleets. The stack sets it: deploy it again.', {
      cause: error,
    });
  }
}

import * as z from 'zod';

/**
 * What a worker answers to `POST /canary`: one generation of a token through each of its models, in a slot of its own that is
 * in no counter, so that looking keeps no fleet awake and teaches no rate. 200: all answered; 502: one did not; 503: not tried.
 */
export const canarySchema = z.object({
  v: z.literal(1),
  /** Why nothing was tried: every slot is busy, or the replica takes no work. */
  refused: z.enum(['busy', 'loading', 'draining']).optional(),
  models: z.array(
    z.object({
      model: z.string(),
      seconds: z.number().nonnegative(),
      /** Why it did not answer. */
      error: z.string().optional(),
    }),
  ),
});

export type Canary = z.infer<typeof canarySchema>;

import * as z from 'zod';

/** What the gateway remembers of an `Idempotency-Key`: which request it stands for. */
export const idempotencyRecordSchema = z.strictObject({
  v: z.literal(1),
  id: z.string(),
  fleet: z.string(),
  /** SHA-256 of path and body, hexadecimal. */
  requestHash: z.string(),
});

export type IdempotencyRecord = z.infer<typeof idempotencyRecordSchema>;

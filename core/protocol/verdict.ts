import * as z from 'zod';

/** What the health check answers to `{ duty: 'verdict' }`: for `paddock doctor`, upgrades, metrics and alarms. */

const checkSchema = z.object({
  /** What it is about: `cluster`, `pool cpu/spot`, `models cpu`. Stable. */
  name: z.string(),
  /** `unknown`: it could not be read. */
  status: z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']),
  /** What was seen, with its numbers. */
  evidence: z.string(),
  /** What to do about it; absent while it is healthy. */
  next: z.string().optional(),
});
/** One thing that was looked at. */
export type Check = z.infer<typeof checkSchema>;
export type CheckStatus = Check['status'];

export const verdictSchema = z.object({
  /** The worst of the checks. What could not be read is no good news: at best `degraded`. */
  verdict: z.enum(['healthy', 'degraded', 'unhealthy']),
  /** ISO 8601. */
  at: z.iso.datetime(),
  checks: z.array(checkSchema),
});
export type Verdict = z.infer<typeof verdictSchema>;

import * as z from 'zod';
import { QUEUEABLE_PATHS } from './request.ts';

/**
 * The status object in S3: what is known of a request until its result is there, and who may read it. The gateway
 * writes it before the message; workers replace it with `If-Match`, so that a deleted one is not revived. For a
 * request that came without the gateway a worker writes one when an attempt fails. Members that a newer version has
 * added are let through: workers and gateway are not replaced in one moment.
 */
export const requestStatusSchema = z.object({
  v: z.literal(1),
  id: z.string(),
  status: z.enum(['queued', 'in_progress']),
  /** Name of the API key that submitted it. Missing: it came straight through the queue, and the gateway shows it to nobody. */
  owner: z.string().optional(),
  path: z.enum(QUEUEABLE_PATHS),
  /** As the client named it. */
  model: z.string(),
  /** Epoch milliseconds. */
  submittedAt: z.number().nonnegative(),
  /** Of the latest attempt, epoch milliseconds. */
  startedAt: z.number().optional(),
  /** Pod of the latest attempt. */
  replica: z.string().optional(),
  /** Attempts that failed for what may be the request's own fault; hand-backs and an unreachable server do not count. */
  failures: z.int().nonnegative(),
  lastFailure: z.string().optional(),
  /** When `paddock dlq redrive` last took the request up again, epoch milliseconds. */
  redrivenAt: z.number().optional(),
  /** What the latest attempt has written so far, the beginning of it where it is long; void when the attempt is. */
  partial: z.object({ text: z.string(), reasoning: z.string() }).optional(),
  /** Parameters of the Responses API that its response object repeats. */
  echo: z.record(z.string(), z.unknown()).optional(),
});

export type RequestStatus = z.infer<typeof requestStatusSchema>;

export type PartialAnswer = NonNullable<RequestStatus['partial']>;

/** @throws Error that names what makes no sense */
export const parseStatus = (text: string): RequestStatus => requestStatusSchema.parse(JSON.parse(text));

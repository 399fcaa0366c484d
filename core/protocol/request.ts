import * as z from 'zod';

/** Paths of the model server that a queued request may name. */
export const QUEUEABLE_PATHS = [
  '/api/generate',
  '/api/chat',
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
] as const;

export type QueueablePath = (typeof QUEUEABLE_PATHS)[number];

/** Body of one SQS message. */
export const queuedRequestSchema = z.strictObject({
  v: z.literal(1),
  /** Chosen by who submits; names the result object. */
  id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  fleet: z.string().min(1),
  path: z.enum(QUEUEABLE_PATHS),
  /** Missing when it is too long for a message: then it lies in the bucket at `requestBodyKey(fleet, id)`. */
  body: z.record(z.string(), z.unknown()).optional(),
  /** Epoch milliseconds. */
  submittedAt: z.number().nonnegative(),
});

export type QueuedRequest = z.infer<typeof queuedRequestSchema>;

/** The request that a message carries, or why it is none of this fleet. */
export function readQueuedRequest(body: string, fleet: string): QueuedRequest | string {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return 'not JSON';
  }
  const parsed = queuedRequestSchema.safeParse(json);
  if (!parsed.success) {
    return parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  }
  if (parsed.data.fleet !== fleet) return `it belongs to the fleet ${parsed.data.fleet}`;
  return parsed.data;
}

/**
 * The result object in S3, written once (`If-None-Match: *`): whoever writes first decides how the request ended.
 * `deleted`: nobody is to read it, and a late delivery of its message finds it and stops.
 */
export const requestResultSchema = z.strictObject({
  v: z.literal(1),
  id: z.string(),
  status: z.enum(['completed', 'failed', 'cancelled', 'deleted']),
  /** The model server's answer, when completed. */
  response: z.unknown().optional(),
  /** What went wrong and what to do, when failed. */
  error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
  /** Pod that answered; `gateway`, `healthcheck` or `dlq` for what no pod ended. */
  replica: z.string(),
  submittedAt: z.number(),
  /** Equal to `finishedAt` for what never started. */
  startedAt: z.number(),
  finishedAt: z.number(),
});

export type RequestResult = z.infer<typeof requestResultSchema>;

/** Header by which the worker names the queued request to the model server, for logs and measurements. */
export const REQUEST_ID_HEADER = 'x-paddock-request-id';

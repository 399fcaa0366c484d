import * as z from 'zod';
import type { Seconds } from '../../core/scaling/types.ts';
import { type Progress, progressSchema } from '../../core/warmup/attempt.ts';
import { parseEvent } from '../shared/parse.ts';

/** What the state machine `warmup` asks. */
export interface WarmupEvent {
  fleet: string;
  pool: string;
  replica: string;
  podUid: string;
  /** Names the attempt: the execution's name. */
  attempt: string;
  /** When the execution began, epoch seconds. */
  startedAt: Seconds;
  /** What the last look in this attempt came to; absent at the first. */
  progress?: Progress | undefined;
}

const schema = z.strictObject({
  fleet: z.string().min(1),
  pool: z.string().min(1),
  replica: z.string().min(1),
  podUid: z.string().min(1),
  attempt: z.string().min(1),
  startedAt: z.iso.datetime().transform((text) => Date.parse(text) / 1000),
  progress: progressSchema.nullish().transform((progress) => progress ?? undefined),
});

/** Throws `InvalidEvent` that names what is wrong. */
export const parseWarmupEvent = (event: unknown): WarmupEvent => parseEvent(schema, event, 'warm-up');

import * as z from 'zod';
import type { Seconds } from '../../core/scaling/types.ts';
import { parseEvent } from '../shared/parse.ts';

/** What the state machine `scale` asks of a tick. */
export interface TickEvent {
  fleet: string;
  trigger: 'schedule' | 'alarm' | 'gateway' | 'spot' | 'manual' | 'loop';
  /** Id of the execution: the holder of the lease. */
  execution: string;
  /** The execution whose loop this one goes on with: its lease is taken over. Empty or absent for the first of a loop. */
  after?: string | undefined;
  /** When the execution began, epoch seconds. */
  startedAt: Seconds;
}

const schema = z.strictObject({
  fleet: z.string().regex(/^[a-z0-9-]{1,63}$/, 'a fleet is named by lower-case letters, digits and dashes'),
  trigger: z.enum(['schedule', 'alarm', 'gateway', 'spot', 'manual', 'loop']),
  execution: z.string().min(1),
  after: z.string().optional(),
  startedAt: z.iso.datetime().transform((text) => Date.parse(text) / 1000),
});

/** Throws `InvalidEvent` that names what is wrong. */
export const parseTickEvent = (event: unknown): TickEvent => parseEvent(schema, event, 'tick');

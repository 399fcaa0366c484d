import * as z from 'zod';
import { parseEvent } from '../shared/parse.ts';

const schema = z.strictObject({ duty: z.enum(['sweep', 'verdict']) });

/** What the function is asked to do. */
export type HealthcheckEvent = z.infer<typeof schema>;

/** Throws `InvalidEvent` that names what is wrong. */
export const parseHealthcheckEvent = (event: unknown): HealthcheckEvent =>
  parseEvent(schema, event, 'health check');

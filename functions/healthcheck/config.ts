import * as z from 'zod';
import { readJson } from '../shared/env.ts';

const schema = z.array(z.strictObject({ name: z.string().min(1), deadLetterQueueUrl: z.url() })).min(1);

/** A fleet as the health check knows it. */
export type HealthcheckFleet = z.infer<typeof schema>[number];

/** @throws Error that says what is wrong with the variable */
export const parseFleets = (text: string): HealthcheckFleet[] => readJson(schema, 'PADDOCK_FLEETS', text);

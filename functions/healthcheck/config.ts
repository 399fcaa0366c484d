import * as z from 'zod';

const schema = z.array(z.strictObject({ name: z.string().min(1), deadLetterQueueUrl: z.url() })).min(1);

/** A fleet as the health check knows it. */
export type HealthcheckFleet = z.infer<typeof schema>[number];

/** @throws Error that says what is wrong with the variable */
export function parseFleets(text: string): HealthcheckFleet[] {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error('PADDOCK_FLEETS is not a list of fleets. The stack sets it: deploy it again.', {
      cause: error,
    });
  }
}

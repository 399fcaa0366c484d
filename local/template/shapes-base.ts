import { z } from 'zod';

/** CloudFormation takes numbers and booleans as text too. */
export const number = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+(\.\d+)?$/)
    .transform(Number),
]);
export const boolean = z.union([
  z.boolean(),
  z.enum(['true', 'false']).transform((value) => value === 'true'),
]);
export const json = z.record(z.string(), z.unknown());
export const names = z.array(z.string());
export const labels = z.record(z.string(), z.string());

import { z } from 'zod';
import { TemplateError, type Where } from './errors.ts';

const call = z.looseObject({ parameters: z.record(z.string(), z.unknown()) });

/**
 * What CDK's AwsCustomResource would call an AWS API with while it deploys.
 *
 * @param text the resource's `Create` property, resolved
 * @throws TemplateError when it is no such call
 */
export function sdkCallParameters(text: unknown, where: Where): Record<string, unknown> {
  try {
    return call.parse(JSON.parse(String(text))).parameters;
  } catch (error) {
    throw new TemplateError(where, `is no SDK call as CDK writes it: ${String(error)}`);
  }
}

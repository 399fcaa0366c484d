import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import type { Verdict } from '../../core/health/verdict.ts';
import { mapAwsError, UnavailableError } from '../errors.ts';

const verdictSchema: z.ZodType<Verdict> = z.object({
  verdict: z.enum(['healthy', 'degraded', 'unhealthy']),
  at: z.iso.datetime(),
  checks: z.array(
    z.object({
      name: z.string(),
      status: z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']),
      evidence: z.string(),
      next: z.string().optional(),
    }),
  ) as z.ZodType<Verdict['checks']>,
});

/** Longer than the function may run. */
const TIMEOUT_MS = 60_000;

/**
 * Has the deployed health check look, and give its verdict: it stands where the cluster can be reached from.
 *
 * @throws NotFoundError (no such function), RefusedError, UnavailableError (it failed, or what it said is no verdict)
 */
export async function askVerdict(clusterName: string): Promise<Verdict> {
  const name = `${clusterName}-healthcheck`;
  const what = `ask the function ${name} for a verdict`;
  const client = new LambdaClient({
    maxAttempts: 1,
    requestHandler: { requestTimeout: TIMEOUT_MS, throwOnRequestTimeout: true },
  });
  try {
    const answer = await client.send(
      new InvokeCommand({ FunctionName: name, Payload: JSON.stringify({ duty: 'verdict' }) }),
    );
    const text = Buffer.from(answer.Payload ?? []).toString();
    if (answer.FunctionError)
      throw new UnavailableError(`${what}: it failed: ${text.slice(0, 500)}`, answer.FunctionError);
    return verdictSchema.parse(JSON.parse(text));
  } catch (error) {
    throw mapAwsError(error, what);
  } finally {
    client.destroy();
  }
}

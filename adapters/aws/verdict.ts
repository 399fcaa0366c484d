import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type Verdict, verdictSchema } from '../../core/protocol/verdict.ts';
import { mapAwsError, UnavailableError } from '../errors.ts';

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

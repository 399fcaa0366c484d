import type { Connection } from '../connect.ts';
import type { Dlq } from './queue.ts';

/** @throws what the adapters throw; Error when the stack is older than this command */
export async function openDlq({ fleet, cluster }: Connection): Promise<Dlq> {
  // Imported after the connection is set: SDK clients read the environment when they are made.
  const [{ deadLetterClients }, { SsmFleetParameters }] = await Promise.all([
    import('../../adapters/aws/dead-letter-clients.ts'),
    import('../../adapters/aws/fleet-parameters.ts'),
  ]);
  const prefix = `/paddock/${cluster}/fleets/`;
  const { queueUrl, deadLetterQueueUrl, resultsBucket } =
    await SsmFleetParameters.forCommand(prefix).read(fleet);
  if (!deadLetterQueueUrl || !resultsBucket) {
    throw new Error(
      `The parameter ${prefix}${fleet} names no dead-letter queue: deploy the stack PaddockControlPlane again.`,
    );
  }
  const { objects, lettersOf, queueOf, count } = deadLetterClients(resultsBucket);
  return {
    ...{ fleet, objects, now: Date.now },
    letters: lettersOf(deadLetterQueueUrl),
    queue: queueOf(queueUrl),
    count: () => count(deadLetterQueueUrl),
  };
}

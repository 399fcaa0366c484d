import type { Target } from '../target.ts';

/** The API server ends, and is there again when this resolves. */
export async function restartApiserver({ system }: Target): Promise<boolean> {
  await system.cluster.restartApiserver();
  return true;
}

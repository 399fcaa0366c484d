import type { CanaryAnswer } from '../../core/health/observations.ts';
import { canarySchema } from '../../core/protocol/canary.ts';
import { WORKER_PORT } from '../../core/protocol/names.ts';
import type { Reading } from '../../core/scaling/types.ts';
import { messageOf } from '../shared/async.ts';

/** Where a warm replica answers. */
export interface Target {
  replica: string;
  ip: string;
}

export type AskCanary = (target: Target) => Promise<CanaryAnswer['answer']>;

/** A little longer than the worker gives its models. */
const TIMEOUT_MS = 12_000;

/** Has a replica's models answer a token each. Never throws. */
export const askCanary =
  (port = WORKER_PORT, timeoutMs = TIMEOUT_MS): AskCanary =>
  async ({ ip }) => {
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const response = await fetch(`http://${ip}:${port}/canary`, { method: 'POST', signal });
      const text = await response.text();
      const parsed = canarySchema.safeParse(jsonOf(text));
      if (parsed.success) return { ok: true, value: parsed.data };
      return failed(`the worker answered ${response.status}: ${text.slice(0, 200)}`);
    } catch (error) {
      const cause = error instanceof Error && error.cause ? `: ${messageOf(error.cause)}` : '';
      return failed(`${messageOf(error)}${cause}`);
    }
  };

/** Another replica that is asked when the first one fails or has no slot free. */
const TRIES = 3;

/**
 * Asks replicas until one has answered: another each minute comes first, so that all are asked in time.
 * @param minute any number that grows by one
 */
export async function sendCanaries(
  targets: readonly Target[],
  ask: AskCanary,
  minute: number,
): Promise<CanaryAnswer[]> {
  const answers: CanaryAnswer[] = [];
  for (let i = 0; i < Math.min(TRIES, targets.length); i += 1) {
    const target = targets[(minute + i) % targets.length] as Target;
    const answer = await ask(target);
    answers.push({ replica: target.replica, answer });
    if (answer.ok && !answer.value.refused && answer.value.models.every(({ error }) => !error)) break;
  }
  return answers;
}

const failed = (error: string): Reading<never> => ({ ok: false, error });

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

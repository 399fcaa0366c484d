import { setTimeout as delay } from 'node:timers/promises';
import type { Front } from '../../front/front.ts';
import type { Fault } from '../../front/types.ts';
import type { Spell } from '../plan.ts';
import { untilHappened } from '../target.ts';

const FAULTS: Record<Spell, Pick<Fault, 'service' | 'kind' | 'operation'>> = {
  duplicates: { service: 'sqs', operation: 'ReceiveMessage', kind: 'duplicate' },
  'out-of-order': { service: 'sqs', operation: 'ReceiveMessage', kind: 'reorder' },
  'sqs-throttled': { service: 'sqs', kind: 'throttle' },
  'sqs-errors': { service: 'sqs', kind: 'error' },
  'sqs-answers-lost': { service: 'sqs', kind: 'answer-lost' },
  's3-throttled': { service: 's3', kind: 'throttle' },
  's3-errors': { service: 's3', kind: 'error' },
  's3-answers-lost': { service: 's3', kind: 'answer-lost' },
};

/**
 * An AWS service misbehaves for a while, for a share of the calls to it; when none has been hit by then, for all until one is.
 *
 * @param signal ends it
 */
export async function castSpell(
  front: Front,
  { kind, seconds, rate }: { kind: Spell; seconds: number; rate: number },
  hasHit: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const during = async (share: number, work: Promise<unknown>): Promise<void> => {
    const end = front.inject({ ...FAULTS[kind], rate: share });
    await work.finally(end);
  };
  await during(
    rate,
    delay(seconds * 1000, undefined, { signal }).catch(() => undefined),
  );
  if (!hasHit() && !signal.aborted) await during(1, untilHappened(hasHit, signal));
}

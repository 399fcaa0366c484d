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
 * An AWS service misbehaves for a while, for a share of the calls to it; longer when no call has been hit by then.
 *
 * @param signal ends it
 */
export async function castSpell(
  front: Front,
  { kind, seconds, rate }: { kind: Spell; seconds: number; rate: number },
  hasHit: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const end = front.inject({ ...FAULTS[kind], rate });
  try {
    await delay(seconds * 1000, undefined, { signal }).catch(() => undefined);
    await untilHappened(hasHit, signal);
  } finally {
    end();
  }
}

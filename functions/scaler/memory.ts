import type { StoredMemory } from '../../adapters/aws/fleet-state.ts';
import { type FleetMemory, initialMemory, parseMemory } from '../../core/scaling/decide.ts';
import type { Command, Seconds } from '../../core/scaling/types.ts';
import { messageOf } from '../shared/async.ts';

/** What a tick starts from. */
export interface Recalled {
  memory: FleetMemory;
  /** The version that the write has to expect; undefined when there is no item. */
  expected: unknown;
  nextVersion: number;
  /** Nothing shrinks before this time. */
  holdUntil?: Seconds;
  /** Why the stored memory could not be used. */
  broken?: string;
}

/** The floor rests on a quarter of an hour of demand: without it nothing is removed for as long. */
const HOLD_SECONDS = 900;

/**
 * A memory that can't be understood is replaced, else the fleet would never be scaled again. Recent need is
 * lost with it, so the fleet may grow but not shrink until it has been seen anew.
 */
export function recall(stored: StoredMemory | undefined, now: Seconds): Recalled {
  if (!stored) return { memory: initialMemory(), expected: undefined, nextVersion: 1 };
  const { version, holdUntil } = stored;
  const isCounted = typeof version === 'number' && Number.isSafeInteger(version);
  const base = { expected: version, nextVersion: isCounted ? version + 1 : 1 };
  try {
    if (!isCounted) throw new Error(`its version is no whole number: ${JSON.stringify(version)}`);
    if (typeof stored.memory !== 'string') throw new Error('it holds no text');
    const memory = parseMemory(JSON.parse(stored.memory));
    return { ...base, memory, ...(holdUntil !== undefined && holdUntil > now ? { holdUntil } : {}) };
  } catch (error) {
    return { ...base, memory: initialMemory(), holdUntil: now + HOLD_SECONDS, broken: messageOf(error) };
  }
}

/** Commands that take capacity away, or begin to. */
export function isShrinking(command: Command): boolean {
  switch (command.kind) {
    case 'drain':
      return !command.interrupted;
    case 'terminate-instance':
    case 'replace-pod':
    case 'recycle-node':
      return true;
    case 'set-replicas':
    case 'set-nodes':
      return command.to < command.from;
    default:
      return false;
  }
}

import type { Delivery } from './backend.ts';
import type { AwsService } from './types.ts';

/** What happened to one request, told when it is over. */
export interface RequestEvent {
  service: AwsService | 'unknown';
  operation: string;
  /** Name of the caller; empty if it was not known. */
  principal: string;
  /** 0: the connection broke without an answer. */
  status: number;
  errorCode?: string;
  /** It was carried out with this status before the answer was lost: an injected fault. */
  carriedOut?: number;
  /** The fault that took the place of its answer. */
  fault?: 'throttle' | 'error' | 'answer-lost' | 'down';
  /** What a ReceiveMessage handed out. */
  delivery?: Delivery;
  /** Milliseconds since the epoch. */
  at: number;
  durationMs: number;
  /** ARNs of what it was about. */
  resource?: string[];
  input?: Record<string, unknown>;
}

import type { RequestQueue } from '../../adapters/aws/queue.ts';
import type { Log } from '../shared/telemetry.ts';
import type { ModelDirectory } from './config.ts';
import type { KeyChecker } from './keys.ts';
import type { KeyLimit } from './limit.ts';
import type { RequestStore } from './store.ts';
import type { Waker } from './wake.ts';

/** All that a request reaches outside itself. */
export interface GatewayDependencies {
  directory: ModelDirectory;
  keys: KeyChecker;
  store: RequestStore;
  /** By the fleet's name. */
  queueOf(fleet: string): RequestQueue;
  waker: Waker;
  /** Undefined where each key may submit what the whole API takes. */
  limit: KeyLimit | undefined;
  maxBodyBytes: number;
  /** Epoch milliseconds. */
  now: () => number;
  log: Log;
}

import type { RequestEvent } from '../../front/front.ts';
import type { Target } from '../target.ts';

/** A tick makes about so many calls to AWS. */
const CALLS = 9;

/** SIGKILL to the scaler function's process in mid-tick, after one of the calls that it makes. */
export function killTick({ system }: Target, draw: number, signal: AbortSignal): Promise<boolean> {
  const { front, lambda, scalerName } = system;
  const role = front.principalByKey(lambda.find(scalerName)?.credentials.accessKeyId ?? '')?.name;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let left = 1 + Math.floor(draw * CALLS);
  const onRequest = ({ principal }: RequestEvent): void => {
    if (principal !== role) return;
    left -= 1;
    if (left <= 0 && lambda.kill(scalerName) > 0) resolve(true);
  };
  const unlisten = front.onRequest(onRequest);
  signal.addEventListener('abort', () => resolve(false), { once: true });
  return promise.finally(unlisten);
}

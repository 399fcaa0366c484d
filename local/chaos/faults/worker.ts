import type { RequestEvent } from '../../front/front.ts';
import { pick, type Target, untilHappened } from '../target.ts';

/** SIGKILL to the worker of a pod whose model server generates. */
export const killWhileGenerating = (target: Target, draw: number, signal: AbortSignal): Promise<boolean> =>
  untilHappened(() => {
    const pod = pick(target.busy, draw);
    return pod !== undefined && target.system.pods.crash(pod);
  }, signal);

/** SIGKILL to a worker that has just written a result or deleted a message, before it is told so. */
export const killAfter =
  (step: 'result' | 'delete') =>
  (target: Target, _draw: number, signal: AbortSignal): Promise<boolean> => {
    const { front, pods, policy } = target.system;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const result = new RegExp(`results/${policy.fleet}/([^/]+)\\.json$`);
    const requestOf = ({ operation, resource, input }: RequestEvent): string | undefined => {
      if (step === 'result')
        return operation === 'PutObject' ? result.exec(resource?.[0] ?? '')?.[1] : undefined;
      return operation === 'DeleteMessage' ? target.requestOf(String(input?.ReceiptHandle)) : undefined;
    };
    const unlisten = front.onRequest((event) => {
      const pod = event.status === 200 ? target.servedBy(requestOf(event) ?? '') : undefined;
      if (pod !== undefined && pods.crash(pod)) resolve(true);
    });
    signal.addEventListener('abort', () => resolve(false), { once: true });
    return promise.finally(unlisten);
  };

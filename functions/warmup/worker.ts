import { WORKER_PORT } from '../../core/protocol/names.ts';
import { messageOf } from '../shared/async.ts';

export type WorkerAnswer = { warm: true } | { warm: false; reason: string };

/** Asks a worker to be warm. */
export type AskWorker = (ip: string) => Promise<WorkerAnswer>;

/** The worker may hold its answer back so long: it answers the moment its models are loaded. */
const WAIT_SECONDS = 20;

/** A worker that can't be reached is not warm yet: its process may just be starting. */
export const askWorker =
  (port = WORKER_PORT, waitSeconds = WAIT_SECONDS): AskWorker =>
  async (ip) => {
    const url = `http://${ip}:${port}/warm?wait=${waitSeconds}`;
    try {
      const signal = AbortSignal.timeout((waitSeconds + 5) * 1000);
      const response = await fetch(url, { method: 'POST', signal });
      const text = await response.text();
      if (response.ok) return { warm: true };
      return { warm: false, reason: `the worker answered ${response.status}: ${text.slice(0, 300)}` };
    } catch (error) {
      const cause = error instanceof Error && error.cause ? `: ${messageOf(error.cause)}` : '';
      return { warm: false, reason: `the worker at ${url} is not reachable: ${messageOf(error)}${cause}` };
    }
  };

import { parseJson } from '../../core/protocol/json.ts';
import { WORKER_PORT } from '../../core/protocol/names.ts';
import { warmthSchema } from '../../core/protocol/warmup.ts';
import type { Look } from '../../core/warmup/attempt.ts';
import { messageOf } from '../shared/async.ts';

/**
 * Asks a worker to be warm, and how warm it is.
 * @param waitSeconds the worker may hold its answer back so long: it answers at once when something is decided
 */
export type AskWorker = (ip: string, podUid: string, attempt: string, waitSeconds: number) => Promise<Look>;

/** A worker that can't be reached is not warm yet: its process may just be starting. */
export const askWorker =
  (port = WORKER_PORT): AskWorker =>
  async (ip, podUid, attempt, waitSeconds) => {
    const url = `http://${ip}:${port}/warm`;
    try {
      const signal = AbortSignal.timeout((waitSeconds + 5) * 1000);
      const query = new URLSearchParams({ attempt, wait: String(waitSeconds) });
      const response = await fetch(`${url}?${query}`, { method: 'POST', signal });
      const text = await response.text();
      const parsed = warmthSchema.safeParse(parseJson(text));
      if (!parsed.success) return { silent: `the worker answered ${response.status}: ${text.slice(0, 300)}` };
      // Addresses are given again: what another pod's worker says is not for this one.
      if (parsed.data.podUid !== podUid)
        return { silent: `at ${ip} answers another pod: ${parsed.data.podUid}` };
      return { warmth: parsed.data };
    } catch (error) {
      const cause = error instanceof Error && error.cause ? `: ${messageOf(error.cause)}` : '';
      return { silent: `the worker at ${url} is not reachable: ${messageOf(error)}${cause}` };
    }
  };

import { warm } from '../../../functions/warmup/warm.ts';
import { askWorker } from '../../../functions/warmup/worker.ts';
import { FakePods } from '../../fakes/kubernetes.ts';
import type { WorkerProcess } from '../../worker/harness.ts';

const quiet = { info() {}, warn() {}, error() {} };
const now = () => Date.now() / 1000;

/** Plays the state machine against a real worker: looks until something is decided. */
export class Attempts {
  readonly pods = new FakePods();
  readonly #name: string;

  constructor(name: string, worker: WorkerProcess) {
    this.#name = name;
    this.pods.items.push({
      ...{ fleet: 'cpu', name, uid: `uid-${name}`, pool: 'main', createdAt: now(), node: 'n' },
      ...{ isTerminating: false, isRunning: true, containersReady: false, isReady: false, isGateOpen: false },
      ip: new URL(worker.url).hostname,
    });
  }

  get isGateOpen(): boolean {
    return this.pods.items[0]?.isGateOpen ?? false;
  }

  async run(attempt: string): Promise<string> {
    const startedAt = now();
    let progress: Awaited<ReturnType<typeof warm>>['progress'] = null;
    for (;;) {
      const event = {
        ...{
          fleet: 'cpu',
          pool: 'main',
          replica: this.#name,
          podUid: `uid-${this.#name}`,
          attempt,
          startedAt,
        },
        progress: progress ?? undefined,
      };
      const result = await warm(event, { pods: this.pods, askWorker: askWorker(), now, log: quiet });
      if (result.outcome !== 'not-yet') return result.outcome;
      progress = result.progress;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Knocks until told to stop, and says what was answered. */
export function knock(worker: WorkerProcess, model = 'tiny') {
  const over = new AbortController();
  const statuses: (number | undefined)[] = [];
  const done = (async () => {
    while (!over.signal.aborted) {
      const answer = await fetch(`${worker.url}/api/generate`, {
        method: 'POST',
        headers: { 'x-paddock-request-id': `knock-${statuses.length}` },
        body: JSON.stringify({ model, prompt: 'x', stream: false, options: { num_predict: 1 } }),
      }).catch(() => undefined);
      await answer?.arrayBuffer().catch(() => undefined);
      statuses.push(answer?.status);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  return {
    statuses,
    stop: async () => {
      over.abort();
      await done;
    },
  };
}

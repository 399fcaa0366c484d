import { resultKey, statusKey } from '../../core/protocol/names.ts';
import { parseStatus, type RequestStatus } from '../../core/protocol/status.ts';
import { Consumer } from '../../worker/consumer.ts';
import { newCounters } from '../../worker/counters.ts';
import { WorkerMetrics } from '../../worker/metrics.ts';
import { Slots } from '../../worker/slots.ts';
import { WorkerState } from '../../worker/state.ts';
import { FakeClock, FakeDeadLetters, FakeQueue, FakeResults, FakeServer, quiet } from './fakes.ts';

const body = { model: 'tiny', prompt: 'Why?' };
export const request = (id: string, more: object = {}) => ({
  ...{ v: 1, id, fleet: 'cpu', path: '/api/generate', submittedAt: 1, body },
  ...more,
});

/** A worker, and what the gateway leaves for it. */
export function setUp({ maxAttempts = 3 } = {}) {
  const clock = new FakeClock();
  const queue = new FakeQueue(clock);
  const results = new FakeResults();
  const deadLetters = new FakeDeadLetters();
  const server = new FakeServer(clock);
  const state = new WorkerState();
  const slots = new Slots(1, () => clock.now);
  const counters = newCounters();
  const consumer = new Consumer({
    ...{ queue, results, statuses: results, deadLetters, server, state, slots, counters, maxAttempts },
    ...{ metrics: new WorkerMetrics({ slots, state }), log: quiet, sleep: clock.sleep },
    ...{ fleet: 'cpu', replica: 'cpu-main-0', models: ['tiny'], timeoutSeconds: 600, visibilitySeconds: 30 },
    now: () => clock.now,
    onUse: () => {},
    onServerTrouble: () => {},
  });
  state.setWarm(true);
  void consumer.run();
  const submit = async (id: string, more: Partial<RequestStatus> = {}): Promise<void> => {
    const status: RequestStatus = {
      ...{ v: 1, id, status: 'queued', owner: 'app', path: '/api/generate', model: 'tiny' },
      ...{ submittedAt: 1, failures: 0, ...more },
    };
    await results.writeOnce(statusKey('cpu', id), JSON.stringify(status));
    queue.send(request(id, { path: status.path }));
  };
  const status = (id: string) => parseStatus(results.objects.get(statusKey('cpu', id)) ?? 'null');
  const result = (id: string) => results.result(resultKey('cpu', id));
  const end = (id: string, how: 'cancelled' | 'deleted') =>
    results.writeOnce(resultKey('cpu', id), JSON.stringify({ id, status: how }));
  return { clock, queue, results, deadLetters, server, consumer, counters, submit, status, result, end };
}

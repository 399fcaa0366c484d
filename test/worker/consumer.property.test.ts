import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UnavailableError } from '../../adapters/errors.ts';
import { resultKey, statusKey } from '../../core/protocol/names.ts';
import { Consumer } from '../../worker/consumer.ts';
import { newCounters } from '../../worker/counters.ts';
import { WorkerMetrics } from '../../worker/metrics.ts';
import { Slots } from '../../worker/slots.ts';
import { WorkerState } from '../../worker/state.ts';
import { FakeClock, FakeDeadLetters, FakeQueue, FakeResults, FakeServer, quiet, settle } from './fakes.ts';

/** What happens to one call: nothing, an error before or after it took effect, the worker's death before or after. */
type Fault = 'ok' | 'fail-before' | 'fail-after' | 'die-before' | 'die-after';

const never = new Promise<never>(() => {});

class World {
  readonly clock = new FakeClock();
  readonly queue = new FakeQueue(this.clock);
  readonly results = new FakeResults();
  readonly deadLetters = new FakeDeadLetters();
  readonly server = new FakeServer(this.clock);
  readonly #faults: Fault[];
  deletedUnanswered: string[] = [];

  constructor(faults: Fault[]) {
    this.#faults = faults;
    this.queue.onDelete = (body) => {
      const { id } = JSON.parse(body);
      if (!this.results.objects.has(resultKey('cpu', id))) this.deletedUnanswered.push(id);
    };
  }

  /** No faults from here on. */
  calm(): void {
    this.#faults.length = 0;
  }

  start(slots: number): { state: WorkerState; consumer: Consumer; isDead: () => boolean } {
    const { clock } = this;
    const life = { dead: false };
    const state = new WorkerState();
    const semaphore = new Slots(slots, () => clock.now);
    const consumer = new Consumer({
      queue: this.#exposed(this.queue, life),
      results: this.#exposed(this.results, life),
      statuses: this.#exposed(this.results, life),
      deadLetters: this.#exposed(this.deadLetters, life),
      maxAttempts: 5,
      server: this.#exposed(this.server, life),
      slots: semaphore,
      state,
      metrics: new WorkerMetrics({ slots: semaphore, state }),
      counters: newCounters(),
      ...{ log: quiet, sleep: clock.sleep, now: () => clock.now, onUse: () => {}, onServerTrouble: () => {} },
      ...{ fleet: 'cpu', replica: 'x', models: ['tiny'], timeoutSeconds: 600, visibilitySeconds: 30 },
    });
    state.setWarm(true);
    void consumer.run();
    return { state, consumer, isDead: () => life.dead };
  }

  /** The same object, each of whose calls meets the next fault. A dead worker's calls never return. */
  #exposed<T extends object>(target: T, life: { dead: boolean }): T {
    return new Proxy(target, {
      get: (object, name) => {
        const method = Reflect.get(object, name);
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          const fault = life.dead ? 'die-before' : (this.#faults.shift() ?? 'ok');
          if (fault === 'die-before') life.dead = true;
          if (life.dead) return never;
          if (fault === 'fail-before') throw new UnavailableError('injected', 'Injected');
          const answer = await method.apply(object, args);
          if (fault === 'die-after') life.dead = true;
          if (life.dead) return never;
          if (fault === 'fail-after') throw new UnavailableError('injected', 'Injected');
          return answer;
        };
      },
    });
  }
}

const fault = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fault>('ok') },
  { weight: 1, arbitrary: fc.constantFrom<Fault>('fail-before', 'fail-after', 'die-before', 'die-after') },
);
const gatewayStatus = (id: string): string =>
  JSON.stringify({
    ...{ v: 1, id, status: 'queued', owner: 'app', path: '/api/generate', model: 'tiny' },
    ...{ submittedAt: 0, failures: 0 },
  });

const event = fc.oneof(
  fc.record({ kind: fc.constant('send' as const), id: fc.nat(5), times: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(40_000) }),
  fc.record({ kind: fc.constant('drain' as const), worker: fc.nat(1), cutOff: fc.boolean() }),
  fc.record({ kind: fc.constant('resume' as const), worker: fc.nat(1) }),
);

describe('whatever happens to two workers', () => {
  it('every request ends once, and no message goes before its end is written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 1, maxLength: 25 }),
        fc.array(fault, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 50 }),
        async (events, faults, slots, serviceSeconds) => {
          const world = new World([...faults]);
          world.server.seconds = serviceSeconds;
          const workers = [world.start(slots), world.start(slots)];
          const sent = new Set<string>();
          for (const e of events) {
            if (e.kind === 'wait') await world.clock.advance(e.ms);
            if (e.kind === 'send') {
              const id = `id-${e.id}`;
              sent.add(id);
              const body = { model: 'tiny', prompt: id };
              const request = { v: 1, id, fleet: 'cpu', path: '/api/generate', submittedAt: 0, body };
              if (e.id % 2 === 0) await world.results.writeOnce(statusKey('cpu', id), gatewayStatus(id));
              for (let i = 0; i < e.times; i += 1) world.queue.send(request);
            }
            if (e.kind === 'drain') {
              workers[e.worker]?.state.setDraining(true);
              if (e.cutOff) workers[e.worker]?.consumer.cutOff();
            }
            if (e.kind === 'resume') workers[e.worker]?.state.setDraining(false);
            await settle();
            for (const [i, worker] of workers.entries()) if (worker.isDead()) workers[i] = world.start(slots);
          }
          // The faults are over: at the latest now everything comes to its end.
          world.calm();
          world.start(slots);
          for (let t = 0; t < 60 && world.queue.size > 0; t += 1) await world.clock.advance(60_000);

          expect(world.deletedUnanswered).toEqual([]);
          expect(world.queue.size).toBe(0);
          const results = [...world.results.objects.keys()].filter((key) => key.startsWith('results/'));
          expect(results.sort()).toEqual([...sent].map((id) => resultKey('cpu', id)).sort());
          const buried = world.deadLetters.buried.map(({ body }) => JSON.parse(body).id);
          for (const id of sent) {
            const result = world.results.result(resultKey('cpu', id));
            expect(result.id).toBe(id);
            if (result.status === 'completed') continue;
            expect(result).toMatchObject({ status: 'failed', error: { code: 'attempts_exhausted' } });
            expect(buried).toContain(id);
          }
        },
      ),
      { numRuns: 100, endOnFailure: true },
    );
  });
});

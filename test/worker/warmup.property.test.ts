import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UnavailableError } from '../../adapters/errors.ts';
import { FAILURES, type FailureKind, WarmupError, warmthSchema } from '../../core/protocol/warmup.ts';
import { WorkerState } from '../../worker/state.ts';
import { Warmup } from '../../worker/warmup.ts';
import { FakeClock, FakeServer, quiet } from './fakes.ts';

const MODELS = ['tiny', 'llama3.1:8b'];
const KINDS = Object.keys(FAILURES) as FailureKind[];

/** What happens to the n-th step (a fill, a load or a token), after so many milliseconds of it. */
const trouble = fc.record({
  after: fc.nat(4000),
  what: fc.oneof(
    fc.constant('nothing' as const),
    fc.constant('server restarts' as const),
    fc.constant('server is gone' as const),
    fc.constantFrom(...KINDS),
  ),
});
/** While it is warm: the server restarts after so many milliseconds. */
const restarts = fc.array(fc.integer({ min: 1, max: 120_000 }), { maxLength: 4 });

/** Remembers which models have answered since the server began: what really is warm. */
class TruthfulServer extends FakeServer {
  readonly truth = new Set<string>();
  onDisk = new Set<string>();
  step: () => Promise<void> = async () => {};

  override async load(model = ''): Promise<void> {
    if (!this.onDisk.has(model)) throw new Error(`loaded ${model}, which is not on the disk`);
    await this.step();
  }

  override async answer(model: string): Promise<void> {
    const process = this.life;
    await this.step();
    if (this.life !== process) throw new UnavailableError('socket hang up', 'ECONNRESET');
    this.truth.add(model);
  }

  life = 0;

  override restart(): void {
    this.life += 1;
    this.truth.clear();
    super.restart();
  }
}

it('whatever breaks off, and wherever: it is warm only while every model has answered, and ends warm', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(trouble, { maxLength: 10 }), restarts, async (script, later) => {
      const clock = new FakeClock();
      const server = new TruthfulServer(clock);
      server.models = ['tiny:latest', 'llama3.1:8b'];
      const state = new WorkerState();
      const left = [...script];
      const isTrue = () => MODELS.every((model) => server.truth.has(model));
      const lies: string[] = [];
      const look = () => state.isAccepting && !isTrue() && lies.push(`at ${clock.now}`);
      state.onChange(look);

      const step = async (): Promise<void> => {
        const next = left.shift();
        if (!next) return;
        const { life } = server;
        await clock.sleep(next.after);
        if (next.what === 'server restarts') server.restart();
        if (server.life !== life || next.what === 'server is gone') {
          throw new UnavailableError('connection refused', 'ECONNREFUSED');
        }
        if (next.what !== 'nothing') throw new WarmupError(next.what as FailureKind, `it was ${next.what}`);
      };
      server.step = step;
      const fill = async (model: string): Promise<void> => {
        await step();
        server.onDisk.add(model);
      };
      const warmup = new Warmup({
        ...{ podUid: 'u', workerId: 'w', server, fill, models: MODELS, state, log: quiet },
        ...{ sleep: clock.sleep, now: () => clock.now },
      });
      void warmup.run();
      for (const at of later) {
        await clock.advance(at);
        look();
        server.restart();
        look();
        expect(warmthSchema.parse(warmup.report()).models).toHaveLength(2);
      }
      // Hopeless failures rest for up to ten minutes each.
      await clock.advance(3 * 3600 * 1000);
      look();
      warmup.stop();
      expect(lies).toEqual([]);
      expect(state.isAccepting).toBe(true);
      expect(warmup.report().models.map(({ phase, failure }) => [phase, failure])).toEqual([
        ['warm', undefined],
        ['warm', undefined],
      ]);
    }),
    { numRuns: 30 },
  );
});

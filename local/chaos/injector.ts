import { restartApiserver } from './faults/apiserver.ts';
import { evictPod } from './faults/eviction.ts';
import { loseNode } from './faults/node.ts';
import { castSpell } from './faults/spell.ts';
import { killTick } from './faults/tick.ts';
import { killAfter, killWhileGenerating } from './faults/worker.ts';
import { type FaultKind, type PlannedFault, SPELLS, type Spell, type Stroke } from './plan.ts';
import type { Tally } from './tally.ts';
import type { Target } from './target.ts';

/** A fault that found no victim for so long is left out. */
const PATIENCE_MS = 120_000;

type Driver = (target: Target, draw: number, signal: AbortSignal) => Promise<boolean>;

const STROKES: Record<Stroke, Driver> = {
  'worker-killed': killWhileGenerating,
  'worker-killed-after-result': killAfter('result'),
  'worker-killed-after-delete': killAfter('delete'),
  'pod-evicted': evictPod,
  'node-lost': loseNode,
  'apiserver-restarted': restartApiserver,
  'tick-killed': killTick,
};

const isSpell = (kind: FaultKind): kind is Spell => (SPELLS as readonly string[]).includes(kind);

/** Carries the plan out while the load goes on: one fault of a kind at a time, those of different kinds at once. */
export class Injector {
  readonly #target: Target;
  readonly #tally: Tally;
  readonly #waiting: PlannedFault[];
  readonly #lanes = new Map<FaultKind, Promise<void>>();
  readonly #stop = new AbortController();
  /** How many faults were planned. */
  readonly planned: number;
  #unfinished: number;
  #failure: unknown;

  /** @param plan in the order of its beginning */
  constructor(target: Target, plan: readonly PlannedFault[], tally: Tally) {
    this.#target = target;
    this.#tally = tally;
    this.#waiting = [...plan];
    this.planned = plan.length;
    this.#unfinished = plan.length;
  }

  /** Over, whether they happened or found no victim. */
  get done(): number {
    return this.planned - this.#unfinished;
  }

  /** Faults that have not happened yet or are going on. */
  get unfinished(): number {
    return this.#unfinished;
  }

  /** Begins what is due when so many requests have been submitted. */
  advance(submitted: number): void {
    while (this.#waiting[0] && this.#waiting[0].at <= submitted) {
      const fault = this.#waiting.shift() as PlannedFault;
      const before = this.#lanes.get(fault.kind) ?? Promise.resolve();
      this.#lanes.set(
        fault.kind,
        before.then(() => this.#carryOut(fault)),
      );
    }
  }

  /**
   * Resolves when what has begun is over; what has not, never begins.
   *
   * @throws what keeps the system itself from running on, such as an API server that does not start again
   */
  async settled(): Promise<void> {
    this.#unfinished -= this.#waiting.splice(0).length;
    await Promise.all(this.#lanes.values());
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Faults under way end. */
  stop(): void {
    this.#stop.abort();
  }

  async #carryOut(fault: PlannedFault): Promise<void> {
    const { kind, draw } = fault;
    try {
      if (this.#stop.signal.aborted) return;
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(PATIENCE_MS)]);
      if (isSpell(kind)) {
        const before = this.#tally.of(kind);
        const hasHit = (): boolean => this.#tally.of(kind) > before;
        await castSpell(this.#target.system.front, { ...fault, kind }, hasHit, signal);
      } else if (await STROKES[kind](this.#target, draw, signal)) this.#tally.happened(kind);
    } catch (error) {
      this.#failure ??= error;
    } finally {
      this.#unfinished -= 1;
    }
  }
}

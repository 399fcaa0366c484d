import Table from 'cli-table3';
import { createLogUpdate } from 'log-update';
import type { PlanRecord } from '../adapters/aws/fleet-state.ts';
import type { Play } from './scenarios/play.ts';
import type { ScenarioResult } from './scenarios/recorder.ts';
import type { Scenario } from './scenarios/scenarios.ts';
import type { LocalSystem } from './system/system.ts';
import { tableStyle } from './table.ts';
import { frame, line, type PoolRow, type ReasonRow, type ViewState } from './view.ts';

const FRAME_MS = 500;
const LINE_MS = 5_000;
const REASONS_SHOWN = 6;

/** Shows the running system: a repainted frame at a terminal, a line now and then elsewhere, nothing with `--json`. */
export class Display {
  readonly #system: LocalSystem;
  readonly #play: Play;
  readonly #scenario: Scenario;
  readonly #quiet: boolean;
  readonly #isTerminal = process.stdout.isTTY === true;
  readonly #paint = createLogUpdate(process.stdout);
  #timer: NodeJS.Timeout | undefined;
  #note = '';
  #isDone = false;
  #hasSaidRouter = false;
  #records: PlanRecord[] = [];

  constructor(system: LocalSystem, play: Play, scenario: Scenario, options: { quiet: boolean }) {
    this.#system = system;
    this.#play = play;
    this.#scenario = scenario;
    this.#quiet = options.quiet;
  }

  begin(): void {
    if (this.#quiet) return;
    this.#timer = setInterval(() => void this.#show(), this.#isTerminal ? FRAME_MS : LINE_MS);
    void this.#show();
  }

  say(text: string): void {
    this.#note = text;
  }

  /** The load is done: the result stays on the screen. */
  finish(result: ScenarioResult): void {
    this.#isDone = true;
    if (this.#quiet) return;
    this.#paint.done();
    console.log(resultText(result));
  }

  /** Shows on until the process is told to end. */
  async stayUp(): Promise<void> {
    this.#note = 'The system stays up. Ctrl-C ends it. In a second terminal: npm run paddock -- explain';
    if (!this.#quiet && !this.#isTerminal) console.log(this.#note);
    await new Promise<never>(() => undefined);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#paint.done();
  }

  async #show(): Promise<void> {
    this.#records = await this.#system.recentPlans(REASONS_SHOWN).catch(() => this.#records);
    if (this.#timer === undefined) return;
    const state = this.#state();
    if (this.#isTerminal) this.#paint(frame(state, process.stdout.columns));
    else if (!this.#isDone) {
      if (!this.#hasSaidRouter && state.router !== STARTING) {
        this.#hasSaidRouter = true;
        console.log(`router  ${state.router}`);
      }
      console.log(line(state));
    }
  }

  #state(): ViewState {
    const { submitted, answered, wait } = this.#play.recorder.progress();
    const startedAt = this.#play.recorder.startedAt;
    const queue = this.#system.front.queueCounts(this.#system.queueName);
    return {
      title: `paddock local · ${this.#scenario.name} · fleet ${this.#system.policy.fleet}`,
      elapsedSeconds: startedAt === 0 ? undefined : (Date.now() - startedAt) / 1000,
      submitted,
      answered,
      total: this.#scenario.total,
      queue: { waiting: queue?.visible ?? 0, inFlight: queue?.notVisible ?? 0 },
      wait,
      router: routerText(this.#system),
      pools: this.#pools(),
      reasons: this.#records.map(reasonRow),
      note: this.#note || (this.#system.troubles.at(-1) ?? ''),
    };
  }

  #pools(): PoolRow[] {
    const counts = this.#system.watch.pools();
    const nodes = this.#system.billedNodes();
    return this.#system.policy.pools.map(({ name, capacityType }) => ({
      pool: name,
      capacityType,
      nodes: nodes[name] ?? 0,
      ...(counts[name] ?? { desired: 0, starting: 0, warm: 0, draining: 0 }),
    }));
  }
}

const STARTING = 'starting';

/** One of the router's pods: each serves every fleet. */
function routerText({ router }: LocalSystem): string {
  if (!router.isInstalled) return 'not running: nginx is not installed';
  return router.urls[0] ?? STARTING;
}

function reasonRow({ plan, failures }: PlanRecord): ReasonRow {
  const text = failures[0] ?? plan.commands[0]?.reason ?? plan.reasons[0]?.text ?? '';
  return { at: new Date(plan.at * 1000), summary: plan.summary, text };
}

/** The result as a person reads it. */
export function resultText(result: ScenarioResult): string {
  const { requests, waitSeconds, latencySeconds, scaling, ticks } = result;
  const table = new Table({
    head: ['seconds', 'mean', 'p50', 'p90', 'p99', 'max'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: tableStyle(),
  });
  for (const [name, { mean, p50, p90, p99, max }] of [
    ['wait', waitSeconds],
    ['latency', latencySeconds],
  ] as const) {
    table.push([name, ...[mean, p50, p90, p99, max].map((value) => value.toFixed(2))]);
  }
  const first = scaling.firstScaleOutSeconds;
  return [
    '',
    `${result.scenario}: ${requests.succeeded} of ${requests.submitted} answered, ${requests.failed} failed, ${requests.lost} lost, ` +
      `${requests.duplicated} answered twice` +
      (scaling.interrupted === null ? '' : `, ${scaling.interrupted} interrupted`) +
      (requests.cold === null ? '' : `, ${requests.cold} at a cold model server`),
    table.toString(),
    `replicas: peak ${scaling.peakReplicas}, at the end ${scaling.finalReplicas}, ${scaling.replicaSeconds.toFixed(0)} replica-seconds` +
      (first === null ? '' : `, first scale-out after ${first.toFixed(1)} s`),
    ...(scaling.knocks.answered + scaling.knocks.refused > 0
      ? [
          `pods: ${scaling.podsWarmed} warmed; straight at their doors ${scaling.knocks.answered} answered, ${scaling.knocks.refused} refused`,
        ]
      : []),
    `nodes: ${scaling.nodeSeconds['on-demand'].toFixed(0)} s on-demand, ${scaling.nodeSeconds.spot.toFixed(0)} s spot, $${result.costDollars.toFixed(4)}`,
    ...wakeText(result),
    `ticks: ${ticks.count}, ${ticks.errors} failed, p50 ${ticks.p50Ms} ms, p99 ${ticks.p99Ms} ms`,
  ].join('\n');
}

function wakeText({ wake }: ScenarioResult): string[] {
  if (!wake) return [];
  const by = Object.entries(wake.triggers).map(([trigger, count]) => `${count} by the ${trigger}`);
  const { executionSeconds, tickSeconds } = wake;
  return [
    `woken: ${by.join(', ')}; execution after ${executionSeconds.p50} s (at most ${executionSeconds.max}), first tick after ${tickSeconds.p50} s (at most ${tickSeconds.max})`,
  ];
}

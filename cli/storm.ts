import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { type Arrivals, readArrivals } from '../simulation/arrivals.ts';
import { STORM_SECONDS, STORM_SPOT_PRICE, stormArrivals, stormPlan } from '../simulation/storm/plan.ts';
import { playStorm, STORM_VARIANTS, type StormRow, VARIANT_TEXT } from '../simulation/storm/storm.ts';

export interface StormFlags {
  arrivals?: string;
  minutes?: number;
  timeScale: number;
  spotPrice?: number;
  slots?: number;
  seed: number;
  json?: boolean;
}

/** `paddock simulate --scenario spot-storm`: the same storm under four ways to deal with it. Prints rows. */
export async function simulateStorm(flags: StormFlags): Promise<string> {
  const seconds = flags.minutes === undefined ? STORM_SECONDS : flags.minutes * 60;
  const arrivals =
    flags.arrivals === undefined
      ? stormArrivals(flags.seed, seconds)
      : cut(await readArrivals(flags.arrivals), flags.timeScale, seconds);
  const plan = stormPlan(flags.seed, seconds);
  const bar = progressBar();
  const rows = playStorm({
    ...{ plan, arrivals, spotPrice: flags.spotPrice ?? STORM_SPOT_PRICE },
    ...(flags.slots === undefined ? {} : { slots: flags.slots }),
    onProgress: (variant, share) =>
      bar?.update(STORM_VARIANTS.indexOf(variant) / STORM_VARIANTS.length + share / STORM_VARIANTS.length),
  });
  bar?.stop();
  if (flags.json) return JSON.stringify({ scenario: 'spot-storm', seed: flags.seed, plan, rows });
  return stormText(rows);
}

/** Faster by `scale`, and only what comes within the storm. */
function cut({ at, service }: Arrivals, scale: number, seconds: number): Arrivals {
  const offsets = at.map((offset) => offset / scale);
  const count = offsets.filter((offset) => offset < seconds).length;
  return { at: offsets.slice(0, count), service: service.slice(0, count), durationSeconds: seconds };
}

function progressBar(): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  const bar = new SingleBar({ format: 'simulating the storm {bar} {percentage}%', clearOnComplete: true });
  bar.start(1, 0);
  return bar;
}

function stormText(rows: readonly StormRow[]): string {
  const table = new Table({
    head: [
      '',
      'answered',
      'lost',
      'interrupted',
      'wait p50',
      'p99',
      'too little',
      'spot',
      'dollars',
      'of (a)',
    ],
    colAligns: ['left', ...Array<'right'>(9).fill('right')],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    const nodes = row.nodeSeconds['on-demand'] + row.nodeSeconds.spot;
    table.push([
      row.variant,
      `${row.requests.succeeded}/${row.requests.submitted}`,
      row.requests.lost + row.requests.duplicated,
      `${(row.interruptedShare * 100).toFixed(2)}%`,
      `${row.waitSeconds.p50.toFixed(1)} s`,
      `${row.waitSeconds.p99.toFixed(1)} s`,
      `${Math.round(row.lackingSeconds)} s`,
      `${nodes === 0 ? 0 : Math.round((100 * row.nodeSeconds.spot) / nodes)}%`,
      row.costDollars.total.toFixed(2),
      `${Math.round(row.costShare * 100)}%`,
    ]);
  }
  const legend = rows.map(({ variant }) => `  ${variant}: ${VARIANT_TEXT[variant]}`);
  return [
    table.toString(),
    ...legend,
    "too little: seconds in which a request waited since every slot was taken. (a): all on-demand. spot: share of the nodes' time.",
  ].join('\n');
}

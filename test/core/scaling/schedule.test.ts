import fc from 'fast-check';
import { decide, initialMemory } from '../../../core/scaling/decide.ts';
import { floorWithin } from '../../../core/scaling/schedule.ts';
import type { ReplicaObservation, ScheduleFloor } from '../../../core/scaling/types.ts';
import { instanceOf, policyOf, poolOf, poolPolicy, replicaOf, snapshotOf } from './fixtures.ts';

const epoch = (iso: string): number => Date.parse(iso) / 1000;

const office = (more: Partial<ScheduleFloor> = {}): ScheduleFloor => ({
  ...{ days: [1, 2, 3, 4, 5, 6, 7], from: '08:00', to: '18:00', timeZone: 'Europe/Berlin', replicas: 4 },
  ...more,
});

describe('a floor that counts ahead of its window', () => {
  it.each([
    ['in winter', '2024-01-15T07:00:00Z'],
    ['in summer', '2024-07-15T06:00:00Z'],
    ['on the day the clocks go forward', '2024-03-31T06:00:00Z'],
    ['on the day they go back', '2024-10-27T07:00:00Z'],
  ])('%s begins by the clock on the wall', (_, opens) => {
    const at = epoch(opens);
    expect(floorWithin([office()], at - 301, 300)).toEqual({ replicas: 0, at: at - 301 });
    expect(floorWithin([office()], at - 300, 300)).toEqual({ replicas: 4, at });
    expect(floorWithin([office()], at, 0)).toEqual({ replicas: 4, at });
  });

  it('of an hour that the clocks skip begins when they have skipped it', () => {
    const skipped = office({ from: '02:30', to: '05:00' });
    expect(floorWithin([skipped], epoch('2024-03-31T00:55:00Z'), 600)).toEqual({
      ...{ replicas: 4, at: epoch('2024-03-31T01:00:00Z') },
    });
  });

  it('of an hour that comes twice holds both times', () => {
    const twice = office({ from: '02:30', to: '02:45' });
    for (const at of ['2024-10-27T00:30:00Z', '2024-10-27T01:30:00Z']) {
      expect(floorWithin([twice], epoch(at), 0).replicas).toBe(4);
    }
    expect(floorWithin([twice], epoch('2024-10-27T01:00:00Z'), 0).replicas).toBe(0);
  });

  it('sees a window that is shorter than the time ahead', () => {
    const short = office({ from: '08:00', to: '08:01', replicas: 9 });
    expect(
      floorWithin([short, office({ from: '08:05' })], epoch('2024-01-15T06:50:00Z'), 3600),
    ).toMatchObject({
      ...{ replicas: 9, at: epoch('2024-01-15T07:00:00Z') },
    });
  });

  it('tells when and why it starts', () => {
    const policy = policyOf([poolPolicy({ expectedLeadSeconds: 80 })], { schedule: [office()] });
    const at = epoch('2024-01-15T06:57:00Z');
    const { plan } = decide(snapshotOf({ at, pools: { od: poolOf([]) } }), policy, initialMemory());
    expect(plan.wanted).toBe(4);
    // 80 s, three times a quarter of it, a minute, a tick.
    expect(plan.reasons.find(({ rule }) => rule === 'schedule')).toMatchObject({
      text: 'The schedule keeps 4 replicas from 07:00 UTC on; they may take 205 s to get warm.',
      numbers: { floor: 4, startsInSeconds: 180, aheadSeconds: 205 },
    });
  });
});

const formats = new Map<string, Intl.DateTimeFormat>();
function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const format = new Intl.DateTimeFormat('sv-SE', {
    ...{ timeZone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
  });
  formats.set(timeZone, format);
  return format;
}

/** Local time by another road than the code's: the text that the zone's clock shows. */
function shows(timeZone: string, at: number): { day: number; clock: string } {
  const text = formatOf(timeZone).format(at * 1000);
  const [date = '', clock = ''] = text.split(' ');
  const day = new Date(`${date}T00:00:00Z`).getUTCDay();
  return { day: day === 0 ? 7 : day, clock };
}

function holds({ timeZone, days, from, to }: ScheduleFloor, at: number): boolean {
  const { day, clock } = shows(timeZone, at);
  if (from < to) return days.includes(day) && clock >= from && clock < to;
  const before = day === 1 ? 7 : day - 1;
  return (days.includes(day) && clock >= from) || (days.includes(before) && clock < to);
}

/** Plays a fleet without load, ticked each minute at rest and every five seconds else; its replicas take what `lead` says. */
class Night {
  readonly #replicas: ReplicaObservation[] = [];
  #desired = 0;
  #memory = initialMemory();

  readonly #policy: ReturnType<typeof policyOf>;
  readonly #lead: () => number;

  constructor(policy: ReturnType<typeof policyOf>, lead: () => number) {
    this.#policy = policy;
    this.#lead = lead;
  }

  play(start: number, end: number, see: (at: number, warm: number) => void): void {
    for (let at = start; at <= end; ) {
      this.#settle(at);
      const pool = poolOf(this.#replicas, {
        ...{ desiredReplicas: this.#desired, desiredNodes: this.#replicas.length },
        instances: this.#replicas.map(instanceOf),
      });
      const { plan, memory } = decide(snapshotOf({ at, pools: { od: pool } }), this.#policy, this.#memory);
      this.#memory = memory;
      for (const command of plan.commands) {
        if (command.kind === 'set-replicas') this.#resize(command.to, at);
        // Without load a drain is over at once.
        if (command.kind === 'drain') this.#resize(this.#desired - 1, at);
      }
      const next = at + (plan.again ? this.#policy.tickSeconds : 60 - (at % 60));
      for (let second = at; second < next; second += 5) {
        see(
          second,
          this.#replicas.filter(({ warmAt = Number.POSITIVE_INFINITY }) => warmAt <= second).length,
        );
      }
      at = next;
    }
  }

  #made = 0;

  #resize(to: number, at: number): void {
    while (this.#replicas.length > to) this.#replicas.pop();
    while (this.#replicas.length < to) {
      this.#made += 1;
      const warmAt = at + this.#lead();
      this.#replicas.push({ ...replicaOf('od', this.#made, { createdAt: at }), warmAt });
    }
    this.#desired = to;
  }

  #settle(at: number): void {
    for (const [index, replica] of this.#replicas.entries()) {
      const isWarm = (replica.warmAt ?? 0) <= at;
      this.#replicas[index] = { ...replica, phase: isWarm ? 'warm' : 'starting' };
    }
  }
}

describe('replicas of a schedule', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'America/St_Johns',
  ];
  /** Days on which some zone's clocks change, and one on which none do. */
  const days = [
    '2024-03-10',
    '2024-03-31',
    '2024-04-07',
    '2024-10-06',
    '2024-10-27',
    '2024-11-03',
    '2024-06-12',
  ];
  const clock = fc
    .tuple(fc.nat(23), fc.nat(59))
    .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);

  it('are warm as soon as a window begins, in every zone, though clocks change', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...days),
        clock,
        fc.integer({ min: 30, max: 240 }),
        fc.integer({ min: 5, max: 250 }),
        fc.integer({ min: 0, max: 59 }),
        (timeZone, day, from, minutes, lead, offset) => {
          const end = (Number(from.slice(0, 2)) * 60 + Number(from.slice(3)) + minutes) % 1440;
          const to = `${String(Math.floor(end / 60)).padStart(2, '0')}:${String(end % 60).padStart(2, '0')}`;
          const window = office({ timeZone, from, to, replicas: 3 });
          const policy = policyOf([poolPolicy({ expectedLeadSeconds: lead })], { schedule: [window] });
          let opens = epoch(`${day}T00:00:00Z`);
          while (holds(window, opens)) opens += 60;
          while (!holds(window, opens)) opens += 60;
          new Night(policy, () => lead).play(opens - 1200 - offset, opens + 300, (at, warm) => {
            if (holds(window, at) && warm < 3)
              throw new Error(`${warm} warm at ${shows(timeZone, at).clock}`);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('begin earlier once they take longer, and are on time again the day after', () => {
    const window = office({ timeZone: 'UTC', from: '08:00', to: '09:00', replicas: 3 });
    const policy = policyOf([poolPolicy({ expectedLeadSeconds: 60 })], { schedule: [window] });
    let lead = 60;
    const night = new Night(policy, () => lead);
    const late: Record<string, number> = {};
    const day = epoch('2024-06-10T00:00:00Z');
    for (let index = 0; index < 5; index += 1) {
      // From the second day on everything takes six times as long.
      lead = index === 0 ? 60 : 360;
      night.play(day + index * 86_400 + 7 * 3600, day + index * 86_400 + 8.5 * 3600, (at, warm) => {
        if (holds(window, at) && warm < 3) late[index] = (late[index] ?? 0) + 1;
      });
    }
    expect(late[0]).toBeUndefined();
    expect(late[1]).toBeGreaterThan(0);
    expect([late[2], late[3], late[4]]).toEqual([undefined, undefined, undefined]);
  });

  it('are not kept for longer than it takes: they begin within the lead time, its spread, and two ticks of a fleet at rest', () => {
    const window = office({ timeZone: 'UTC', from: '08:00', to: '09:00', replicas: 3 });
    const policy = policyOf([poolPolicy({ expectedLeadSeconds: 60 })], { schedule: [window] });
    const opens = epoch('2024-06-10T08:00:00Z');
    let first = 0;
    new Night(policy, () => 60).play(opens - 3600, opens, (at, warm) => {
      if (warm === 3) first ||= at;
    });
    expect(opens - first).toBeGreaterThanOrEqual(0);
    expect(opens - first).toBeLessThanOrEqual(45 + 60 + 5 + 60);
  });
});

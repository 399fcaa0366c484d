import { stripVTControlCharacters } from 'node:util';
import type { PlanRecord } from '../../adapters/aws/fleet-state.ts';
import { statusText } from '../../cli/commands/status.ts';
import { explainTick, isQuiet, tellTicks } from '../../cli/explain-text.ts';
import type { Command } from '../../core/scaling/types.ts';

const record: PlanRecord = {
  trigger: 'schedule',
  execution: 'arn:aws:states:us-east-1:111122223333:express:paddock-scale:x:y',
  durationMs: 48.4,
  failures: [],
  results: [
    { status: 'done' },
    { status: 'returned' },
    { status: 'failed', error: 'the server could not find the requested resource' },
    { status: 'overtaken', reason: 'it is gone' },
    { status: 'withheld', reason: 'an earlier memory was lost' },
  ],
  plan: {
    fleet: 'cpu',
    at: Date.UTC(2026, 0, 1, 3, 12, 45) / 1000,
    summary: 'scale-out',
    commands: [
      { kind: 'set-replicas', pool: 'spot', from: 1, to: 4, reason: 'more are wanted' },
      { kind: 'set-nodes', pool: 'spot', from: 1, to: 4, reason: 'a node for each replica' },
      {
        kind: 'drain',
        pool: 'spot',
        replica: 'cpu-spot-x',
        podUid: 'u',
        deadline: 1,
        reason: 'fewer are wanted',
      },
      { kind: 'forget-worker', replica: 'cpu-spot-y', reason: 'it no longer exists' },
      { kind: 'terminate-instance', pool: 'spot', instanceId: 'i-1', reason: 'its node is empty' },
    ],
    reasons: [
      {
        rule: 'need',
        text: '5 requests/s arrive and 12 wait.',
        numbers: { arrivalRate: 5.00049, backlog: 12 },
      },
    ],
    wanted: 4,
    wantedByPool: { spot: 4 },
    numbers: { backlog: 12 },
    pricePerHour: 1.2345,
    again: true,
  },
};

describe('explain', () => {
  const text = stripVTControlCharacters(explainTick({ record, repeated: new Set<Command>() }));

  it('says when, what, why and with which numbers', () => {
    expect(text).toContain(
      '2026-01-01 03:12:45Z  scale-out  wanted 4 (spot 4), $1.23/h  trigger schedule, 48 ms',
    );
    expect(text).toContain('need               5 requests/s arrive and 12 wait.');
    expect(text).toContain('arrivalRate 5, backlog 12');
  });

  it('says what became of each command', () => {
    expect(text).toContain('→ spot: replicas 1 → 4  [done]');
    expect(text).toContain('→ spot: nodes 1 → 4  [handed to the state machine]');
    expect(text).toContain('→ spot: drain cpu-spot-x  [FAILED: the server could not find');
    expect(text).toContain('[overtaken: it is gone]');
    expect(text).toContain('terminate the emptied instance i-1  [withheld: an earlier memory was lost]');
  });

  it('tells a tick that changed nothing from one that failed to look', () => {
    const quiet = {
      record: { ...record, plan: { ...record.plan, commands: [] } },
      repeated: new Set<Command>(),
    };
    expect(isQuiet(quiet)).toBe(true);
    const failed = { ...quiet, record: { ...quiet.record, failures: ['no queue'] } };
    expect(isQuiet(failed)).toBe(false);
    expect(stripVTControlCharacters(explainTick(failed))).toContain('! no queue');
  });

  it('names an attempt to warm a replica when it is begun, and not again', () => {
    const cold = (attempt: string): Command => ({
      ...{
        kind: 'warm-up',
        pool: 'main',
        replica: attempt.slice(0, 1),
        podUid: `uid-${attempt.slice(0, 1)}`,
      },
      attempt,
      reason: 'its worker answers',
    });
    const tickAt = (second: number, ...attempts: string[]): PlanRecord => ({
      ...record,
      results: attempts.map(() => ({ status: 'returned' })),
      plan: { ...record.plan, at: record.plan.at + second, commands: attempts.map(cold) },
    });
    const told = tellTicks([
      tickAt(0, 'a-first'),
      tickAt(5, 'a-first'),
      tickAt(10, 'a-first', 'b-first', 'c-first'),
      tickAt(15, 'a-after-7', 'b-first'),
    ]);
    const texts = told.map((tick) => stripVTControlCharacters(explainTick(tick)));

    expect(texts[0]).toContain('→ main: warm up a  [handed to the state machine]');
    expect(texts[1]).not.toContain('warm up');
    expect(texts[2]?.match(/warm up \w/g)).toEqual(['warm up b', 'warm up c']);
    expect(texts[3]?.match(/warm up \w/g)).toEqual(['warm up a']);
    expect(told.map(isQuiet)).toEqual([false, true, false, false]);
  });

  it('shows what is not warm, failing ones first, and the parts of the lead time', () => {
    const cold = (replica: string, failures: number, seconds: number) => ({
      ...{
        pool: 'main',
        replica,
        failures,
        seconds,
        reason: failures ? 'disk-full: no room' : 'filling: 40 %',
      },
    });
    const parts = { boot: 40, image: 20.5, fill: 25, load: 8, firstToken: 1, other: 0.5 };
    const plan = {
      ...record.plan,
      cold: [cold('a', 0, 30), cold('b', 2, 20), ...Array.from({ length: 6 }, () => cold('c', 0, 5))],
      leads: { main: { seconds: 95, parts, deviation: 4 } },
    };
    const text = stripVTControlCharacters(explainTick({ record: { ...record, plan }, repeated: new Set() }));

    expect(text).toMatch(
      /not warm: b for 20 s, 2 failed attempts \(disk-full: no room\); a for 30 s .*; and 2 more/,
    );
    expect(text).toContain(
      'lead time of main: 95 s = node 40 + image 20.5 + fill 25 + load 8 + first token 1 + other 0.5, ± 4',
    );
  });
});

describe('status', () => {
  it('shows queue, pools and the last tick, or that there was none', () => {
    const report = {
      fleet: 'cpu',
      queue: { backlog: 3, inFlight: 2 },
      pools: [{ pool: 'spot', wanted: 4, nodesDesired: 4, nodes: 1 }],
      pricePerHour: 1.5,
    };
    const text = stripVTControlCharacters(statusText(report));
    expect(text).toContain('3 waiting, 2 in flight, $1.50/h');
    expect(text).toMatch(/spot.*4.*4.*1/);
    expect(text).toContain('No tick yet');
    const lastTick = {
      at: '',
      secondsAgo: 4,
      summary: 'hold',
      failures: ['x is down'],
      numbers: { warm: 1 },
    };
    expect(statusText({ ...report, lastTick })).toContain('last tick 4 s ago: hold; 1 warm');
    expect(statusText({ ...report, lastTick })).toContain('! x is down');
    const parts = { boot: 40, image: 20, fill: 25, load: 8, firstToken: 1, other: 1 };
    const learned = statusText({
      ...{ ...report, lastTick, leads: { spot: { seconds: 95, parts, deviation: 4 } } },
      cold: [{ pool: 'spot', replica: 'cpu-spot-a', reason: 'loading', failures: 0, seconds: 30 }],
    });
    expect(learned).toContain('lead time of spot: 95 s = node 40 + ');
    expect(learned).toContain('not warm: cpu-spot-a for 30 s (loading)');
  });
});

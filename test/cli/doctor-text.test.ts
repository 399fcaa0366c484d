import { stripVTControlCharacters } from 'node:util';
import { costText } from '../../cli/commands/cost.ts';
import { doctorText } from '../../cli/doctor-text.ts';
import { duration } from '../../cli/duration.ts';

it('doctor shows the worst first, and what to do about each finding', () => {
  const text = stripVTControlCharacters(
    doctorText({
      verdict: 'unhealthy',
      at: '2026-02-01T00:00:00.000Z',
      checks: [
        { name: 'cluster', status: 'healthy', evidence: 'EKS 1.36 is ACTIVE' },
        { name: 'queue cpu', status: 'unknown', evidence: 'not read: AccessDenied', next: 'May it?' },
        { name: 'models cpu', status: 'unhealthy', evidence: 'no replica is warm', next: 'explain' },
      ],
    }),
  );
  const at = (part: string) => text.indexOf(part);
  expect(text).toMatch(/^unhealthy, as of 2026-02-01/);
  expect(at('no replica is warm')).toBeLessThan(at('not read'));
  expect(at('not read')).toBeLessThan(at('EKS 1.36'));
  expect(text).toMatch(/What to do\n {2}models cpu: explain\n {2}queue cpu: May it\?$/);
});

it('doctor shows the names of node groups whole where there is room, and stays within the terminal', () => {
  const name = 'node group PaddockCluster-SystemNodes68B127BD-2HP2WCEQHQHX';
  const evidence =
    'DEGRADED; AsgInstanceLaunchFailures: Could not launch Spot Instances. There is no capacity.';
  const lines = (columns: number) =>
    stripVTControlCharacters(
      doctorText(
        {
          ...{ verdict: 'degraded', at: '2026-02-01T00:00:00.000Z' },
          checks: [{ name, status: 'degraded', evidence }],
        },
        columns,
      ),
    ).split('\n');
  expect(lines(140).some((line) => line.includes(name))).toBe(true);
  for (const columns of [90, 120, 140, 200])
    expect(Math.max(...lines(columns).map((line) => line.length))).toBeLessThanOrEqual(columns);
});

it('tables are plain text where nothing shows colours', () => {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  delete process.env.FORCE_COLOR;
  process.env.NO_COLOR = '1';
  const checks = [{ name: 'cluster', status: 'healthy', evidence: 'EKS 1.36 is ACTIVE' } as const];
  const text = doctorText({ verdict: 'healthy', at: '2026-02-01T00:00:00.000Z', checks });
  Object.assign(process.env, { NO_COLOR: NO_COLOR ?? '', ...(FORCE_COLOR && { FORCE_COLOR }) });
  expect(text).toBe(stripVTControlCharacters(text));
});

it('cost says what was saved, and what nobody saw', () => {
  const text = stripVTControlCharacters(
    costText({
      pools: [{ pool: 'spot', capacityType: 'spot', nodeSeconds: 7200, dollars: 1.8 }],
      ...{ dollars: 1.8, allOnDemandDollars: 4, saving: 0.55, unseenSeconds: 400 },
      ...{ from: '2026-02-01T00:00:00.000Z', until: '2026-02-01T01:00:00.000Z' },
    }),
  );
  expect(text).toContain('$1.80, all on-demand $4.00: 55% saved');
  expect(text).toContain('No tick looked for 400 s');
});

it('cost of minutes is told in fractions of a cent', () => {
  const text = costText({
    pools: [{ pool: 'spot', capacityType: 'spot', nodeSeconds: 90, dollars: 0.0068 }],
    ...{ dollars: 0.0068, allOnDemandDollars: 0.0152, saving: 0.55, unseenSeconds: 0 },
    ...{ from: '2026-02-01T00:00:00.000Z', until: '2026-02-01T00:01:30.000Z' },
  });
  expect(text).toContain('0.0250');
  expect(text).toContain('$0.0068, all on-demand $0.0152: 55% saved');
});

it.each([
  ['90', 90],
  ['90s', 90],
  ['4m', 240],
  ['1.5h', 5400],
  ['2d', 172_800],
])('%s is a duration', (text, seconds) => {
  expect(duration(text)).toBe(seconds);
});

it.each(['', '0', '-1s', '366d', 'soon', '1m30s', '8761h', '99999999999999h'])('%j is none', (text) => {
  expect(() => duration(text)).toThrow(/such as 90s, 4m, 1h or 2d, at most 365d/);
});

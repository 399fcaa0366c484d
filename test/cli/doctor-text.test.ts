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

it.each([
  ['90', 90],
  ['90s', 90],
  ['4m', 240],
  ['1.5h', 5400],
])('%s is a duration', (text, seconds) => {
  expect(duration(text)).toBe(seconds);
});

it.each(['', '0', '-1s', '4d', 'soon', '1m30s'])('%j is none', (text) => {
  expect(() => duration(text)).toThrow(/such as 90s, 4m or 1h/);
});

import { stripVTControlCharacters } from 'node:util';
import { frame, line, type ViewState } from '../../local/view.ts';

const state: ViewState = {
  title: 'paddock local · seed-benchmark · fleet cpu',
  elapsedSeconds: 83.4,
  submitted: 74,
  answered: 64,
  total: 100,
  queue: { waiting: 6, inFlight: 4 },
  wait: { mean: 1, p50: 0.84, p90: 2.26, p99: 4.5, max: 5 },
  router: 'http://127.20.0.1:8080',
  pools: [
    { pool: 'spot', capacityType: 'spot', desired: 3, nodes: 3, starting: 1, warm: 2, draining: 0 },
    {
      pool: 'on-demand-a',
      capacityType: 'on-demand',
      desired: 1,
      nodes: 1,
      starting: 0,
      warm: 1,
      draining: 0,
    },
  ],
  reasons: [{ at: new Date('2026-01-01T10:00:05'), summary: 'scale-out', text: 'x'.repeat(300) }],
  note: 'Ctrl-C ends',
};

describe('the live view', () => {
  it('shows what an operator looks for first: answered, queue, waits, replicas and why', () => {
    const text = stripVTControlCharacters(frame(state, 100));
    expect(text).toContain('74 sent, 64 answered');
    expect(text).toContain('64%');
    expect(text).toMatch(/router +http:\/\/127.20.0.1:8080/);
    expect(text).toContain('6 waiting, 4 in flight');
    expect(text).toContain('p50 0.8 s, p90 2.3 s, p99 4.5 s');
    expect(text).toMatch(/spot.*3.*3.*1.*2.*0/);
    expect(text).toMatch(/10:00:05 {2}scale-out/);
    expect(text).toContain('01:23');
  });

  it('clips free text to the terminal, so a repaint never wraps', () => {
    for (const row of stripVTControlCharacters(frame(state, 100)).split('\n')) {
      expect(row.length).toBeLessThanOrEqual(100);
    }
  });

  it('says it is starting before the clock runs, and counts against what is sent when the total is open', () => {
    expect(stripVTControlCharacters(frame({ ...state, elapsedSeconds: undefined }))).toContain('starting');
    expect(line({ ...state, total: undefined })).toContain('answered 64/74');
  });
});

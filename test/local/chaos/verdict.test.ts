import {
  type Evidence,
  judge,
  NOT_FOUND,
  type Reading,
  type RequestTrail,
} from '../../../local/chaos/verdict.ts';

const completed: Reading = { status: 'completed', digest: 'a', reason: '', answer: 'a', isOwn: true };
const failed: Reading = {
  ...{ status: 'failed', digest: 'f', answer: undefined, isOwn: false },
  reason: 'given up after 5 failed attempts',
};

/** Longer than the visibility. */
const longRun = { pod: 'p', startedAt: 1, end: 'finished' as const, endedAt: 9001 };
const laterRun = { ...longRun, startedAt: 9003, endedAt: 18_003 };

const answered = (changes: Partial<RequestTrail> = {}): RequestTrail => ({
  ...{ id: 'r1', via: 'queue', submittedAt: 0, sent: 1, isDisturbed: false },
  ...{ deliveries: [1], runs: [longRun], writes: [2] },
  readings: [changes.last ?? completed],
  last: completed,
  ...changes,
});

const evidence = (trails: RequestTrail[], changes: Partial<Evidence> = {}): Evidence => ({
  ...{ trails, wanted: trails.length, leftInQueue: 0, visibilitySeconds: 6 },
  faults: new Map([['worker-killed', { planned: 1, happened: 1 }]]),
  ...changes,
});

const wrongsOf = (trail: RequestTrail) => judge(evidence([trail])).offenders[0]?.wrongs;

describe('the verdict', () => {
  it('holds when each request ended once, completed or failed with a reason', () => {
    const told = { status: 'completed', answer: 'a' };
    const verdict = judge(
      evidence([answered(), answered({ last: failed }), answered({ via: 'openai', told })]),
    );
    expect(verdict).toEqual({
      requests: { submitted: 3, succeeded: 2, failed: 1, lost: 0, duplicated: 0 },
      ...{ offenders: [], problems: [], holds: true },
    });
  });

  it.each<[string, Partial<RequestTrail>, string[], object]>([
    ['no result', { last: undefined, readings: [], writes: [] }, ['lost'], { lost: 1 }],
    ['a result that went away', { last: undefined, readings: [completed] }, ['lost'], { lost: 1 }],
    [
      'a result that says deleted',
      { last: { ...completed, status: 'deleted' } },
      ['taken back'],
      { lost: 1, succeeded: 0 },
    ],
    ['a cancelled one', { last: { ...completed, status: 'cancelled' } }, ['taken back'], { lost: 1 }],
    ['two writes of the same result', { writes: [2, 3] }, ['answered twice'], { duplicated: 1 }],
    [
      'a result that was another one before',
      { readings: [completed, { ...completed, digest: 'b' }] },
      ['two different results'],
      { duplicated: 1 },
    ],
    [
      'a failure that says nothing',
      { last: { ...failed, reason: ' ' } },
      ['failed without a reason'],
      { failed: 1 },
    ],
    [
      'a delivery while a worker was at it',
      { deliveries: [1, 6001] },
      ['worked on twice at once'],
      { succeeded: 1 },
    ],
    ["someone else's answer", { last: { ...completed, isOwn: false } }, ["another request's answer"], {}],
    [
      'a client that is told nothing',
      { via: 'openai' },
      ['its client never heard of the end'],
      { lost: 1, succeeded: 1 },
    ],
    [
      'a request that was taken back, and its client is told that there is none',
      {
        via: 'openai',
        last: { ...completed, status: 'deleted' },
        told: { status: NOT_FOUND, answer: undefined },
      },
      ['taken back', 'its client never heard of the end'],
      { lost: 1, succeeded: 0 },
    ],
    [
      'a client that is told another answer',
      { via: 'openai', told: { status: 'completed', answer: 'b' } },
      ['its client was told something else'],
      { duplicated: 1 },
    ],
    [
      'a client that is told another end',
      { via: 'openai', told: { status: 'failed', answer: undefined } },
      ['its client was told something else'],
      { duplicated: 1 },
    ],
  ])('does not hold with %s', (_case, changes, wrongs, counts) => {
    const trail = answered(changes);
    expect(wrongsOf(trail)).toEqual(wrongs);
    const { holds, requests } = judge(evidence([trail]));
    expect(holds).toBe(false);
    expect(requests).toMatchObject(counts);
  });

  it.each<[string, Partial<RequestTrail>]>([
    ['was sent or delivered twice on purpose', { deliveries: [1, 6001], isDisturbed: true }],
    [
      'comes again after its worker was killed',
      { deliveries: [1, 9002], runs: [{ ...longRun, end: 'cut-off' }, laterRun] },
    ],
    [
      'is handed back, and heard of as cut off a little later',
      { deliveries: [1, 2000], runs: [{ ...longRun, end: 'cut-off', endedAt: 2500 }, laterRun] },
    ],
  ])('does not mind a message that %s', (_case, changes) => {
    expect(wrongsOf(answered(changes))).toBeUndefined();
  });

  it.each<[string, Partial<RequestTrail>]>([
    ['was short', { runs: [{ ...longRun, endedAt: 6001 }] }],
    ['was cut off', { runs: [{ ...longRun, end: 'cut-off' }] }],
    ['has an excuse', { isDisturbed: true }],
  ])('says nothing about extending the visibility when each request %s', (_case, changes) => {
    expect(judge(evidence([answered(changes)])).problems).toEqual([
      expect.stringMatching(/^No request took longer than its message stays hidden/),
    ]);
  });

  it.each<[Partial<Evidence>, RegExp]>([
    [{ wanted: 2 }, /^Only 1 of 2 requests could be submitted/],
    [{ leftInQueue: 3 }, /^3 messages were still in the queue/],
    [{ faults: new Map([['node-lost', { planned: 2, happened: 0 }]]) }, /kind node-lost happened/],
  ])('does not hold when the run proves nothing: %j', (changes, problem) => {
    const verdict = judge(evidence([answered()], changes));
    expect(verdict.holds).toBe(false);
    expect(verdict.problems).toEqual([expect.stringMatching(problem)]);
  });
});

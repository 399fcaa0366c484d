import { type Evidence, judge, type Reading, type RequestTrail } from '../../../local/chaos/verdict.ts';

const completed: Reading = { status: 'completed', digest: 'a', reason: '', answer: 'a', isOwn: true };
const failed: Reading = {
  ...{ status: 'failed', digest: 'f', answer: undefined, isOwn: false },
  reason: 'given up after 5 failed attempts',
};

const answered = (changes: Partial<RequestTrail> = {}): RequestTrail => ({
  ...{ id: 'r1', via: 'queue', submittedAt: 0, deliveries: [1], runs: [], writes: [2] },
  readings: [changes.last ?? completed],
  last: completed,
  ...changes,
});

const evidence = (trails: RequestTrail[], changes: Partial<Evidence> = {}): Evidence => ({
  ...{ trails, wanted: trails.length, leftInQueue: 0 },
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
    ["someone else's answer", { last: { ...completed, isOwn: false } }, ["another request's answer"], {}],
    [
      'a client that is told nothing',
      { via: 'openai' },
      ['its client never heard of the end'],
      { lost: 1, succeeded: 1 },
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

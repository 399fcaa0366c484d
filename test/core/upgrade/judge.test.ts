import fc from 'fast-check';
import { agreement } from '../../../core/upgrade/agreement.ts';
import { judge } from '../../../core/upgrade/judge.ts';
import {
  type Answer,
  addRound,
  type GoldenPrompt,
  newTally,
  type Tally,
} from '../../../core/upgrade/tally.ts';

const golden: GoldenPrompt[] = [
  { name: 'capital', prompt: 'What is the capital of France?', expect: 'paris' },
  { name: 'poem', prompt: 'A poem.' },
];
const TEXT: Record<string, string> = {
  capital: 'It is Paris.',
  poem: 'Roses are red, violets are blue, sugar is sweet.',
};
const answers = (change: Partial<Answer> = {}): Answer[] =>
  golden.map(({ name }) => ({
    prompt: name,
    ok: true,
    text: TEXT[name] ?? '',
    seconds: 1,
    tokens: 10,
    ...change,
  }));
const failed = answers({ ok: false, error: 'the worker answered 502', text: '', tokens: 0 });

const tallyOf = (rounds: number, canary: Answer[], rest = answers()): Tally => {
  let tally = newTally();
  for (let round = 0; round < rounds; round += 1) tally = addRound(tally, golden, { canary, rest });
  return tally;
};
const settings = { target: 'ollama' as const, elapsed: 300, soakSeconds: 300 };
const soaking = { ...settings, elapsed: 30 };

describe('a canary', () => {
  it('passes when it is as the rest, but not before the soak is over', () => {
    expect(judge(tallyOf(10, answers()), settings).outcome).toBe('pass');
    expect(judge(tallyOf(10, answers()), soaking).outcome).toBe('undecided');
  });

  it('that fails is found at once', () => {
    const judgement = judge(tallyOf(2, failed), soaking);
    expect(judgement).toEqual({ outcome: 'fail', reason: expect.stringContaining('502') });
  });

  it('is not blamed for what fails at the rest too', () => {
    expect(judge(tallyOf(5, failed, failed), soaking).outcome).toBe('undecided');
  });

  it('is not blamed for a failure or two more than the rest, where the rest fails as well', () => {
    const mixed = (canary: number, rest: number, rounds: number): Tally => {
      let tally = newTally();
      for (let round = 0; round < rounds; round += 1)
        tally = addRound(tally, golden, {
          canary: round < canary ? failed : answers(),
          rest: round < rest ? failed : answers(),
        });
      return tally;
    };
    expect(judge(mixed(4, 3, 8), soaking).outcome).toBe('undecided');
    expect(judge(mixed(8, 3, 8), soaking).outcome).toBe('fail');
    // The same rates of many more are no accident.
    expect(judge(mixed(200, 150, 400), soaking).outcome).toBe('fail');
  });

  it('that is slow fails, sooner the slower it is', () => {
    expect(judge(tallyOf(6, answers({ seconds: 4 })), soaking).outcome).toBe('fail');
    expect(judge(tallyOf(6, answers({ seconds: 2 })), soaking).outcome).toBe('undecided');
    expect(judge(tallyOf(6, answers({ seconds: 2 })), settings).outcome).toBe('fail');
    expect(judge(tallyOf(6, answers({ seconds: 1.3 })), settings).outcome).toBe('pass');
  });

  it('that answers otherwise fails', () => {
    const judgement = judge(tallyOf(6, answers({ text: 'lorem ipsum dolor' })), soaking);
    expect(judgement.outcome).toBe('fail');
  });

  it('with another model may word it otherwise, as long as what is known is right', () => {
    const model = { ...settings, target: 'model' as const };
    expect(judge(tallyOf(6, answers({ text: 'Paris, naturally' })), model).outcome).toBe('pass');
    expect(judge(tallyOf(6, answers({ text: 'London' })), model).outcome).toBe('fail');
  });

  it('is allowed as much difference as the rest has among itself', () => {
    let tally = newTally();
    for (let round = 0; round < 10; round += 1) {
      const text = `Paris ${'abcdefghij'[round]}${round} x${round} y${round} z${round}`;
      tally = addRound(tally, golden, { canary: answers({ text }), rest: answers({ text: `${text} w` }) });
    }
    expect(judge(tally, settings).outcome).toBe('pass');
  });

  it('without anything to compare with does not pass', () => {
    expect(judge(tallyOf(6, answers(), []), settings).outcome).toBe('undecided');
    expect(judge(tallyOf(6, answers(), []), { ...settings, elapsed: 1000 }).outcome).toBe('fail');
  });

  it('without answers of either says why there are none', () => {
    const late = { ...settings, elapsed: 3 * settings.soakSeconds + 60 };
    expect(judge(tallyOf(2, failed, failed), late)).toEqual({
      outcome: 'fail',
      reason:
        'there is no comparison: after 960 s the canary had answered 0 of 4 prompts (last: the worker answered 502), the rest had answered 0 of 4 prompts (last: the worker answered 502)',
    });
  });

  it('keeps a tally that fits into an execution’s state', () => {
    const long = answers({ text: 'word '.repeat(5000) });
    expect(JSON.stringify(tallyOf(300, long, long)).length).toBeLessThan(10_000);
  });

  it('never passes while it fails more often than the rest by far', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 2, max: 40 }), (good, bad) => {
        let tally = tallyOf(good, answers());
        for (let round = 0; round < bad; round += 1)
          tally = addRound(tally, golden, { canary: failed, rest: answers() });
        expect(judge(tally, settings).outcome).toBe(bad / (good + bad) > 0.05 ? 'fail' : 'pass');
      }),
    );
  });
});

describe('agreement', () => {
  it('is 1 for the same, 0 for nothing in common, the same both ways', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(agreement(one, one)).toBe(1);
        expect(agreement(one, other)).toBeCloseTo(agreement(other, one));
        expect(agreement(one, other)).toBeGreaterThanOrEqual(0);
        expect(agreement(one, other)).toBeLessThanOrEqual(1);
      }),
    );
    expect(agreement('one two', 'three four')).toBe(0);
  });
});

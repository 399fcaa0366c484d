import {
  type AlarmRule,
  evaluateAlarm,
  type MissingData,
  stateReason,
} from '../../../local/emulators/alarm-evaluation.ts';

const rule = (changes: Partial<AlarmRule> = {}): AlarmRule => ({
  comparison: 'GreaterThanThreshold',
  threshold: 3,
  evaluationPeriods: 3,
  datapointsToAlarm: 3,
  missing: 'missing',
  ...changes,
});

/** `0` is not breaching, `X` is, `-` is missing; the newest comes last. */
const range = (text: string) =>
  text
    .split(' ')
    .map((mark, index) => (mark === '-' ? undefined : { at: index * 60_000, value: mark === 'X' ? 9 : 0 }));

const KEEP = undefined;
const NO_DATA = 'INSUFFICIENT_DATA';

/** The tables of CloudWatch's user guide, "How alarm state is evaluated when data is missing". */
describe.each([
  [3, '0 - X - X', 'OK', 'OK', 'OK', 'OK'],
  [3, '0 - - - -', 'OK', 'OK', 'OK', 'OK'],
  [3, '- - - - -', NO_DATA, KEEP, 'ALARM', 'OK'],
  [3, '0 X X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  [3, '- - - - X', NO_DATA, KEEP, 'ALARM', 'OK'],
  [3, 'X - - - -', 'ALARM', KEEP, 'ALARM', 'OK'],
  [2, '0 - X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  [2, '0 0 X 0 X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  [2, '0 - X - -', 'OK', 'OK', 'ALARM', 'OK'],
  [2, '- - - - 0', 'OK', 'OK', 'ALARM', 'OK'],
  [2, '- - - - X', NO_DATA, KEEP, 'ALARM', 'OK'],
] as const)('%i of 3 over %s', (datapointsToAlarm, data, ...expected) => {
  it.each(
    ['missing', 'ignore', 'breaching', 'notBreaching'].map((missing, index) => [missing, expected[index]]),
  )('missing data as %s: %s', (missing, state) => {
    const chosen = rule({ datapointsToAlarm, missing: missing as MissingData });
    expect(evaluateAlarm(range(data), chosen).state).toBe(state);
  });
});

it.each([
  ['GreaterThanThreshold', false, true],
  ['GreaterThanOrEqualToThreshold', true, true],
  ['LessThanThreshold', false, false],
  ['LessThanOrEqualToThreshold', true, false],
] as const)('%s', (comparison, atThreshold, above) => {
  const state = (value: number) =>
    evaluateAlarm([{ at: 0, value }], rule({ comparison, evaluationPeriods: 1, datapointsToAlarm: 1 }))
      .state === 'ALARM';
  expect([state(3), state(4)]).toEqual([atThreshold, above]);
});

it('gives its reason in the words of CloudWatch', () => {
  const one = rule({ evaluationPeriods: 1, datapointsToAlarm: 1, threshold: 50 });
  const reason = (state: 'OK' | 'ALARM', value: number) =>
    stateReason(state, { state, evaluated: [{ at: Date.parse('2019-10-02T16:59:00Z'), value }] }, one);
  expect(reason('ALARM', 99.5)).toBe(
    'Threshold Crossed: 1 out of the last 1 datapoints [99.5 (02/10/19 16:59:00)] was greater than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).',
  );
  expect(reason('OK', 1)).toBe(
    'Threshold Crossed: 1 out of the last 1 datapoints [1.0 (02/10/19 16:59:00)] was not greater than the threshold (50.0) (minimum 1 datapoint for ALARM -> OK transition).',
  );
});

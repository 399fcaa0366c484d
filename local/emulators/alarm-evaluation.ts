/** How CloudWatch decides an alarm's state from datapoints, some of which may be missing. */

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
export type MissingData = 'missing' | 'ignore' | 'breaching' | 'notBreaching';

export interface Datapoint {
  /** Start of its period, milliseconds since the epoch. */
  at: number;
  value: number;
}

export interface AlarmRule {
  comparison: keyof typeof COMPARISONS;
  threshold: number;
  evaluationPeriods: number;
  datapointsToAlarm: number;
  missing: MissingData;
}

export const COMPARISONS = {
  GreaterThanOrEqualToThreshold: {
    breaches: (v: number, t: number) => v >= t,
    words: 'greater than or equal to',
  },
  GreaterThanThreshold: { breaches: (v: number, t: number) => v > t, words: 'greater than' },
  LessThanThreshold: { breaches: (v: number, t: number) => v < t, words: 'less than' },
  LessThanOrEqualToThreshold: { breaches: (v: number, t: number) => v <= t, words: 'less than or equal to' },
} as const;

/** CloudWatch looks at more periods than it evaluates, so that late data still counts. */
export const EXTRA_PERIODS = 2;

export interface Evaluation {
  /** Undefined: the state stays what it is. */
  state: AlarmState | undefined;
  /** The datapoints that it rests on, oldest first. */
  evaluated: Datapoint[];
}

/**
 * @param range one entry per period of the evaluation range, oldest first; undefined where data is missing.
 * Real datapoints win over missing ones: those are filled in only when there are fewer than `evaluationPeriods`.
 */
export function evaluateAlarm(range: (Datapoint | undefined)[], rule: AlarmRule): Evaluation {
  const real = range.filter((datapoint) => datapoint !== undefined);
  const evaluated = real.slice(-rule.evaluationPeriods);
  const breaches = (value: number) => COMPARISONS[rule.comparison].breaches(value, rule.threshold);
  const breaching = evaluated.filter(({ value }) => breaches(value)).length;
  const filled = rule.evaluationPeriods - evaluated.length;
  const decide = (count: number): Evaluation => ({
    state: count >= rule.datapointsToAlarm ? 'ALARM' : 'OK',
    evaluated,
  });
  if (filled === 0 || rule.missing === 'notBreaching') return decide(breaching);
  if (rule.missing === 'breaching') return decide(breaching + filled);
  if (breaching >= rule.datapointsToAlarm || breaching < evaluated.length) return decide(breaching);
  if (rule.missing === 'ignore') return { state: undefined, evaluated };
  // Only breaching data, too little of it: that is an alarm once the oldest has waited long enough for others.
  const oldest = range.findIndex((datapoint) => datapoint !== undefined);
  const early = oldest >= 0 && range.length - oldest >= rule.datapointsToAlarm;
  return { state: early ? 'ALARM' : 'INSUFFICIENT_DATA', evaluated };
}

/** CloudWatch's own sentence about a state. */
export function stateReason(state: AlarmState, { evaluated }: Evaluation, rule: AlarmRule): string {
  const missing = rule.evaluationPeriods - evaluated.length;
  const filledIn = missing === 1 ? 'datapoint was' : 'datapoints were';
  if (evaluated.length === 0) {
    return state === 'INSUFFICIENT_DATA'
      ? `Insufficient Data: ${missing} ${filledIn} unknown.`
      : `Threshold Crossed: no datapoints were received for ${missing} period${missing === 1 ? '' : 's'} and ${missing} missing ${filledIn} treated as [${rule.missing === 'breaching' ? 'Breaching' : 'NonBreaching'}].`;
  }
  const values = evaluated.map(({ at, value }) => `${decimal(value)} (${shortDate(at)})`).join(', ');
  const { words } = COMPARISONS[rule.comparison];
  const needed =
    state === 'ALARM' ? rule.datapointsToAlarm : rule.evaluationPeriods - rule.datapointsToAlarm + 1;
  const transition = state === 'ALARM' ? 'OK -> ALARM' : 'ALARM -> OK';
  const were = evaluated.length === 1 ? 'was' : 'were';
  return (
    `Threshold Crossed: ${evaluated.length} out of the last ${rule.evaluationPeriods} datapoints [${values}] ${were} ` +
    `${state === 'ALARM' ? '' : 'not '}${words} the threshold (${decimal(rule.threshold)}) ` +
    `(minimum ${needed} datapoint${needed === 1 ? '' : 's'} for ${transition} transition).`
  );
}

const decimal = (value: number): string => (Number.isInteger(value) ? value.toFixed(1) : String(value));

const shortDate = (at: number): string => {
  const text = new Date(at).toISOString();
  return `${text.slice(8, 10)}/${text.slice(5, 7)}/${text.slice(2, 4)} ${text.slice(11, 19)}`;
};

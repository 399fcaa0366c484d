import { medianPace, type Side, type Tally } from './tally.ts';

export interface JudgeSettings {
  /** What changed: another model may word its answers differently, another server may not. */
  target: 'ollama' | 'model';
  /** Seconds since the first prompt. */
  elapsed: number;
  soakSeconds: number;
}

export type Judgement =
  | { outcome: 'pass'; reason: string }
  | { outcome: 'fail'; reason: string }
  | { outcome: 'undecided'; reason: string };

/** Fewer answers of either side say nothing. */
const MIN_SAMPLES = 8;
/** So many failures are no accident, if the rest does not have them too. */
const MIN_FAILURES = 3;
/** More failures than the rest by this share … */
const FAILURE_MARGIN = 0.05;
/** … and by so many standard errors of the difference that chance makes between two samples which fail as the rest does. */
const FAILURE_ERRORS = 2;
/** Seconds per token against the rest's: so much is slower at the end, and so much at once. */
const SLOW = 1.5;
const FAR_TOO_SLOW = 3;
/** The rest's own answers differ from each other by chance; the canary may differ by so much more. */
const LIKENESS_MARGIN = 0.3;
/** Missed expectations against the rest's, as shares. */
const EXPECTATION_MARGIN = 0.1;
/** A comparison that lacks answers goes on for this many soak times, then there is none. */
const PATIENCE = 3;

const rate = ({ sent, failed }: Side): number => (sent === 0 ? 0 : failed / sent);
const share = (part: number, of: number): number => (of === 0 ? 1 : part / of);
const percent = (value: number): string => `${Math.round(value * 100)}%`;
const answered = (side: Side): number => side.sent - side.failed;

/**
 * Whether a canary is as good as the replicas that serve: it does not fail more, is not slower, and answers alike. Bad news
 * ends the soak at once, good news only at its end. Pure.
 */
export function judge(tally: Tally, settings: JudgeSettings): Judgement {
  const { canary, rest } = tally;
  const worse = failsMore(canary, rest) ?? isSlower(canary, rest, settings) ?? answersWorse(tally, settings);
  if (worse) return { outcome: 'fail', reason: worse };
  // The rest's first answers are what the others are compared with: they say nothing of themselves.
  const enough = Math.min(answered(canary), canary.compared, rest.compared) >= MIN_SAMPLES;
  if (settings.elapsed < settings.soakSeconds || !enough) {
    if (settings.elapsed >= PATIENCE * settings.soakSeconds + 60)
      return {
        outcome: 'fail',
        reason: `there is no comparison: after ${Math.round(settings.elapsed)} s the canary had ${tried(canary)}, the rest had ${tried(rest)}`,
      };
    return {
      outcome: 'undecided',
      reason: `${answered(canary)} of ${canary.sent} prompts answered by the canary, ${answered(rest)} of ${rest.sent} by the rest`,
    };
  }
  return {
    outcome: 'pass',
    reason:
      `${answered(canary)} of ${canary.sent} prompts answered (the rest: ${answered(rest)} of ${rest.sent}), ` +
      `${ratioOf(canary, rest).toFixed(2)} times the rest's time per token, ${percent(share(canary.likeness, canary.compared))} alike`,
  };
}

const tried = (side: Side): string =>
  `answered ${answered(side)} of ${side.sent} prompts${side.failed > 0 ? ` (last: ${side.error})` : ''}`;

function failsMore(canary: Side, rest: Side): string | undefined {
  const chance = FAILURE_ERRORS * standardError(rate(rest), canary.sent, rest.sent);
  if (canary.failed < MIN_FAILURES || rate(canary) - rate(rest) <= FAILURE_MARGIN + chance) return undefined;
  return `the canary failed ${canary.failed} of ${canary.sent} prompts (the rest: ${rest.failed} of ${rest.sent}); last: ${canary.error}`;
}

/** Of the difference between the rates of two samples of one population (the z-test of two proportions). */
const standardError = (ofAll: number, one: number, other: number): number =>
  one === 0 || other === 0 ? 0 : Math.sqrt(ofAll * (1 - ofAll) * (1 / one + 1 / other));

const ratioOf = (canary: Side, rest: Side): number => {
  const base = medianPace(rest);
  return base === 0 ? 1 : medianPace(canary) / base;
};

function isSlower(canary: Side, rest: Side, { elapsed, soakSeconds }: JudgeSettings): string | undefined {
  if (Math.min(answered(canary), answered(rest)) < MIN_SAMPLES) return undefined;
  const ratio = ratioOf(canary, rest);
  const limit = elapsed < soakSeconds ? FAR_TOO_SLOW : SLOW;
  return ratio > limit
    ? `the canary takes ${ratio.toFixed(1)} times as long for a token as the rest`
    : undefined;
}

function answersWorse({ canary, rest }: Tally, { target }: JudgeSettings): string | undefined {
  if (canary.compared < MIN_SAMPLES || rest.compared < MIN_SAMPLES) return undefined;
  const met = share(canary.met, canary.expected);
  const metByRest = share(rest.met, rest.expected);
  if (met < metByRest - EXPECTATION_MARGIN)
    return `the canary answers ${percent(met)} of the prompts with a known answer right, the rest ${percent(metByRest)}`;
  if (target === 'model') return undefined;
  const alike = share(canary.likeness, canary.compared);
  const alikeByRest = share(rest.likeness, rest.compared);
  if (alike >= alikeByRest - LIKENESS_MARGIN) return undefined;
  return `the canary's answers are ${percent(alike)} like the rest's, which are ${percent(alikeByRest)} like each other`;
}

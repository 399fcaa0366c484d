import { coverageOf } from '../../local/permissions/coverage.ts';
import { judge } from '../../local/permissions/judge.ts';
import { REASONS } from '../../local/permissions/reasons.ts';
import { readRecording } from '../../local/permissions/recording.ts';
import { reportText } from '../../local/permissions/report.ts';
import { RUNS, recordingFile, shippedConfig } from './recordings.ts';

export const REPORT_FILE = 'docs/permissions.md';

/** Today's templates against the recordings and the reasons. */
export async function currentVerdict() {
  const runs = RUNS.map(({ name, config }) => ({ name, config, calls: readRecording(recordingFile(name)) }));
  const { grants, refused } = await coverageOf([shippedConfig], runs);
  return { ...judge(grants, REASONS), grants, refused };
}

/** The report, and what is wrong, each with what to do about it. */
export async function currentReport(): Promise<{ text: string; problems: string[] }> {
  const { judged, unexplained, idle, refused } = await currentVerdict();
  const titles = new Map(RUNS.map(({ name, title }) => [name, title]));
  return {
    text: reportText(judged, titles),
    problems: [
      ...unexplained.map(
        ({ holder, what, on }) => `Nothing needs: ${holder}: ${what} ${on}\n${REMEDIES.unexplained}`,
      ),
      ...idle.map((entry) => `No longer needed in local/permissions/reasons.ts: ${entry}`),
      ...refused.map((call) => `Refused today although it was recorded: ${call}\n${REMEDIES.refused}`),
    ],
  };
}

export const REMEDIES = {
  unexplained:
    '  Grant it no longer; or let a recorded run use it ("npm run permissions -- --record", test/permissions/recordings.ts); ' +
    'or, when only AWS can use it, say why in local/permissions/reasons.ts.',
  refused:
    '  Grant it again, or record the run anew if it does not call that any more: "npm run permissions -- --record".',
};

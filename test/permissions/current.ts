import { coverageOf } from '../../local/permissions/coverage.ts';
import { judge } from '../../local/permissions/judge.ts';
import { REASONS } from '../../local/permissions/reasons.ts';
import { readRecording } from '../../local/permissions/recording.ts';
import { reportText } from '../../local/permissions/report.ts';
import { templatesOf } from '../../local/permissions/synthesize.ts';
import { VARIANTS } from '../lint/variants.ts';
import { RUNS, recordingFile } from './recordings.ts';

export const REPORT_FILE = 'docs/permissions.md';

/** Of configurations that between them grant everything that is ever granted. */
export const TEMPLATES = Object.values(VARIANTS).map((config) => templatesOf(config()));

async function currentVerdict() {
  const runs = RUNS.map(({ name, config }) => ({
    name,
    templates: templatesOf(config),
    calls: readRecording(recordingFile(name)),
  }));
  const { grants, refused } = await coverageOf(TEMPLATES, runs);
  return { ...judge(grants, REASONS), refused };
}

/** The report, and what is wrong, each with what to do about it. */
export async function currentReport(): Promise<{ text: string; problems: string[] }> {
  const { judged, unexplained, idle, refused } = await currentVerdict();
  const titles = new Map(RUNS.map(({ name, title }) => [name, title]));
  return {
    text: reportText(judged, titles),
    problems: [
      ...problem(
        unexplained.map(({ holder, what, on }) => `${holder}: ${what} ${on}`),
        UNEXPLAINED,
      ),
      ...problem(idle, 'Entries of local/permissions/reasons.ts that nothing needs any more: remove them.'),
      ...problem(refused, REFUSED),
    ],
  };
}

const UNEXPLAINED =
  'Granted, and no recorded run needs it. Grant it no longer; or let a run use it and record that ' +
  '("npm run permissions -- --record", test/permissions/recordings.ts); or, when only AWS can use it, ' +
  'say why in local/permissions/reasons.ts. Then "npm run permissions -- --write".';
const REFUSED =
  'Recorded calls that are refused today. Grant them again; or, if the run no longer makes them, record it anew: ' +
  '"npm run permissions -- --record".';

const problem = (lines: readonly string[], remedy: string): string[] =>
  lines.length > 0 ? [`${remedy}\n${lines.map((line) => `  ${line}`).join('\n')}`] : [];

import type { Grant } from '../../../local/permissions/coverage.ts';
import { judge } from '../../../local/permissions/judge.ts';
import { reportText } from '../../../local/permissions/report.ts';

const grant = (what: string, usedBy: string[] = [], more: Partial<Grant> = {}): Grant => ({
  ...{ kind: 'aws', holder: 'ScalerRole', actors: ['function paddock-scaler'], what, on: '{Logs}', usedBy },
  ...more,
});
const why = 'Lambda itself writes the log';
const entry = (what: string[], more = {}) => ({ holders: ['ScalerRole'], what, why, ...more });

describe('every grant', () => {
  const used = grant('sqs:GetQueueAttributes', ['faults']);
  const logs = grant('logs:PutLogEvents');

  it('is used by a run or has an entry that gives the reason', () => {
    expect(judge([used, logs], [entry(['logs:PutLogEvents'])])).toMatchObject({ unexplained: [], idle: [] });
    expect(judge([used, logs], []).unexplained).toEqual([logs]);
    expect(judge([logs], [entry(['logs:PutLogEvents'], { on: '{Other}' })]).unexplained).toEqual([logs]);
    expect(judge([used, logs], [entry(['*'])])).toMatchObject({ unexplained: [], idle: [] });
  });

  it('needs its entry: one for what is gone or for what a run uses is idle', () => {
    expect(judge([used, logs], [entry(['logs:PutLogEvents', 'logs:CreateLogGroup'])]).idle).toEqual([
      'ScalerRole: logs:CreateLogGroup',
    ]);
    expect(judge([used], [entry(['sqs:GetQueueAttributes'])]).idle).toEqual([
      'ScalerRole: sqs:GetQueueAttributes',
    ]);
    expect(judge([logs], [{ ...entry(['*']), holders: ['ScalerRole', 'WarmupRole'] }]).idle).toEqual([
      'WarmupRole: *',
    ]);
  });

  it('has a line in the report, with what needs it', () => {
    const { judged } = judge([used, logs, grant('x:Y')], [entry(['logs:PutLogEvents'])]);
    const text = reportText(judged, new Map([['faults', 'the system under faults']]));
    expect(text).toContain('Of `function paddock-scaler`.');
    expect(text).toContain('| `sqs:GetQueueAttributes` | `{Logs}` | faults |');
    expect(text).toContain(`| \`logs:PutLogEvents\` | \`{Logs}\` | ${why} |`);
    expect(text).toContain('| `x:Y` | `{Logs}` | **nothing known** |');
  });
});

import { lintCloud, type Report } from './cloud.ts';
import { NoPython } from './tools.ts';

const PLENTY = 600_000;

describe('the templates of every variant', () => {
  let report: Report | undefined;
  beforeAll(async () => {
    try {
      report = await lintCloud();
    } catch (error) {
      // CI has Python (.ci/run); elsewhere the rest of the suite is worth running without it.
      if (!(error instanceof NoPython) || process.env.CI) throw error;
      console.warn(`SKIPPED: ${error.message}`);
    }
  }, PLENTY);

  it('give cdk-nag, cfn-lint and checkov nothing to say that is not answered with a reason at its resource', () => {
    expect(report?.findings ?? []).toEqual([]);
  });

  it('accept nothing that no checker finds any more', () => {
    expect(report?.idle ?? []).toEqual([]);
  });

  it('give a reason for all that they accept', () => {
    for (const { message } of report?.accepted ?? []) expect(message).toMatch(/^.{25,}\.$/);
  });
});

import { execFile } from 'node:child_process';
import type { Finding, Subject } from './finding.ts';

export interface TemplateFile extends Subject {
  readonly path: string;
}

interface CfnLintMatch {
  Filename: string;
  Message: string;
  Rule: { Id: string };
  Location: { Path: (string | number)[] | null };
}

interface CheckovReport {
  results: {
    failed_checks: { check_id: string; check_name: string; file_abs_path: string; resource: string }[];
  };
  summary: { parsing_errors: number; resource_count: number };
}

/** Errors and warnings of cfn-lint, by CloudFormation's own schemas. @param python see ensureTools */
export async function cfnLint(python: string, files: readonly TemplateFile[]): Promise<Finding[]> {
  const program = 'import sys; from cfnlint.runner import main; sys.argv[0] = "cfn-lint"; main()';
  const output = await outputOf(python, [
    '-c',
    program,
    '--format',
    'json',
    ...files.map(({ path }) => path),
  ]);
  const matches = JSON.parse(output) as CfnLintMatch[];
  return matches.map(({ Filename, Message, Rule, Location }) => {
    const [section, resource] = Location.Path ?? [];
    return {
      ...placeOf(files, Filename),
      checker: 'cfn-lint',
      rule: Rule.Id,
      message: Message,
      resource: section === 'Resources' ? String(resource) : undefined,
    };
  });
}

/** What checkov finds. @throws Error when it could not read one of the templates */
export async function checkov(python: string, files: readonly TemplateFile[]): Promise<Finding[]> {
  const flags = [
    '--framework',
    'cloudformation',
    '--output',
    'json',
    '--compact',
    '--quiet',
    '--skip-download',
  ];
  const paths = files.map(({ path }) => path);
  const report = JSON.parse(
    await outputOf(python, ['-m', 'checkov.main', ...flags, '--file', ...paths]),
  ) as CheckovReport;
  if (report.summary.parsing_errors > 0 || report.summary.resource_count === 0)
    throw new Error(`checkov could not read the templates: ${JSON.stringify(report.summary)}`);
  return report.results.failed_checks.map((failed) => ({
    ...placeOf(files, failed.file_abs_path),
    checker: 'checkov',
    rule: failed.check_id,
    message: failed.check_name,
    resource: failed.resource.split('.').at(-1),
  }));
}

function placeOf(files: readonly TemplateFile[], path: string): { variant: string; stack: string } {
  const file = files.find((candidate) => path.endsWith(candidate.path));
  if (!file) throw new Error(`A finding about ${path}, which was not asked for.`);
  return { variant: file.variant, stack: file.stack };
}

/** Both checkers exit non-zero when they find something: that is no failure of theirs as long as they say what. */
const outputOf = (file: string, args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(file, args, { maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
      if (/^\s*[[{]/.test(stdout)) resolve(stdout);
      else
        reject(
          new Error(`${args.slice(0, 2).join(' ')}: ${stderr.trim() || stdout.trim() || error?.message}`),
        );
    });
  });

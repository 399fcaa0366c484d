import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { cfnLint, checkov, type TemplateFile } from './checkers.ts';
import {
  acceptedIn,
  bare,
  type Finding,
  grouped,
  idle,
  open,
  place,
  type Subject,
  uniqueBy,
} from './finding.ts';
import { synthesizeVariant } from './synthesize.ts';
import { ensureTools } from './tools.ts';
import { VARIANTS } from './variants.ts';

export interface Report {
  /** What nothing accepts. */
  readonly findings: Finding[];
  /** What is accepted at a resource, with its reason. */
  readonly accepted: Finding[];
  /** What is accepted though no variant shows it. */
  readonly idle: Finding[];
  readonly templates: number;
}

/**
 * cdk-nag, cfn-lint and checkov over the templates of every variant, synthesized without an account.
 *
 * @throws NoPython, see ensureTools
 */
export async function lintCloud(variants: typeof VARIANTS = VARIANTS): Promise<Report> {
  const python = await ensureTools();
  const synthesized = Object.entries(variants).map(([name, config]) => synthesizeVariant(name, config()));
  const subjects = synthesized.flatMap((one) => one.subjects);
  const accepted = [...subjects.flatMap(acceptedIn), ...synthesized.flatMap((one) => one.accepted)];

  const folder = await mkdtemp(join(tmpdir(), 'paddock-lint-'));
  try {
    const check = async (which: readonly Subject[], kind: string): Promise<Finding[]> => {
      const files = await writeAll(folder, kind, which);
      return (await Promise.all([cfnLint(python, files), checkov(python, files)])).flat();
    };
    const bareSubjects = subjects.map((subject) => ({ ...subject, template: bare(subject.template) }));
    const all = [...(await check(bareSubjects, 'bare')), ...synthesized.flatMap((one) => one.all)];
    // The same templates as anyone would check them: that the tools read what is accepted is seen in one variant.
    const [first] = synthesized;
    const asIs = [
      ...(await check(first?.subjects ?? [], 'as-is')),
      ...synthesized.flatMap((one) => one.findings),
    ];
    return {
      findings: uniqueBy([...open(all, accepted), ...asIs], (one) => `${one.variant} ${place(one)}`),
      accepted,
      idle: idle(accepted, all),
      templates: subjects.length,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const writeAll = (folder: string, kind: string, subjects: readonly Subject[]): Promise<TemplateFile[]> =>
  Promise.all(
    subjects.map(async (subject, index) => {
      const path = join(folder, `${kind}-${index}.template.json`);
      await writeFile(path, JSON.stringify(subject.template, null, 1));
      return { ...subject, path };
    }),
  );

const table = (findings: readonly Finding[]): string => {
  const rows = new Table({
    head: ['checker', 'rule', 'resource', 'what', 'in'],
    colWidths: [10, 32, 48, 60, 24],
    wordWrap: true,
    wrapOnWordBoundary: false,
    style: { head: [], border: [] },
  });
  for (const one of grouped(findings))
    rows.push([one.checker, one.rule, one.resource ?? one.stack, one.message, one.variants.join(', ')]);
  return rows.toString();
};

if (import.meta.main) {
  const { findings, accepted, idle, templates } = await lintCloud();
  if (process.argv.includes('--accepted')) console.log(`${table(accepted)}\n`);
  if (findings.length > 0) console.log(`Fix these, or accept them with a reason:\n${table(findings)}\n`);
  if (idle.length > 0) console.log(`Accepted, but no checker finds them any more:\n${table(idle)}\n`);
  console.log(
    `${templates} templates: ${grouped(findings).length} findings, ` +
      `${grouped(accepted).length} accepted with a reason (--accepted lists them), ${idle.length} of them idle.`,
  );
  if (findings.length > 0 || idle.length > 0) process.exitCode = 1;
}

/**
 * What is granted, to whom, and what needs it (`npm run permissions`): prints the report. `--write` writes
 * docs/permissions.md; `--record [NAME …]` plays the recorded runs again first (minutes).
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { repositoryPath } from '../../infra/paths.ts';
import { currentReport, REPORT_FILE } from './current.ts';
import { RUNS } from './recordings.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { record: { type: 'boolean' }, write: { type: 'boolean' } },
});

function record(names: readonly string[]): void {
  const unknown = names.filter((name) => !RUNS.some((run) => run.name === name));
  if (unknown.length > 0)
    throw new Error(
      `No recorded run ${unknown.join(', ')}. There are: ${RUNS.map(({ name }) => name).join(', ')}.`,
    );
  for (const { name, command, environment } of RUNS.filter(
    (run) => names.length === 0 || names.includes(run.name),
  )) {
    console.error(`Playing ${name} …`);
    const env = { ...process.env, ...environment };
    const { status } = spawnSync(process.execPath, command, { cwd: repositoryPath(), env, stdio: 'inherit' });
    if (status !== 0) throw new Error(`${name} failed: its recording may be as it was.`);
  }
}

try {
  if (values.record) record(positionals);
  const { text, problems } = await currentReport();
  if (values.write) writeFileSync(repositoryPath(REPORT_FILE), text);
  else if (!values.record) console.log(text);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
} catch (error) {
  console.error(`permissions: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jest } from '@jest/globals';
import { CommanderError } from 'commander';
import { simulateCommand } from '../../cli/commands/simulate.ts';

let folder: string;
let file: string;
let out: string;
let errors: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'paddock-simulate-'));
  file = path.join(folder, 'arrivals.csv');
  const rows = Array.from({ length: 60 }, (_, index) => `${index * 2},1000,60`);
  await writeFile(file, ['offsetSeconds,promptTokens,outputTokens', ...rows].join('\n'));
  out = '';
  errors = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
});

afterEach(async () => {
  jest.restoreAllMocks();
  await rm(folder, { recursive: true });
});

/** Runs the command; returns its exit code. */
async function run(...args: string[]): Promise<number> {
  const command = simulateCommand().exitOverride();
  command.configureOutput({
    writeErr: (text) => {
      errors += text;
    },
  });
  try {
    await command.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
}

it('prints the result as one JSON object on the last line, with just the agreed fields', async () => {
  expect(
    await run('--arrivals', file, '--rule', 'keda', '--rule', 'paddock', '--lead-seconds', '30', '--json'),
  ).toBe(0);
  const result = JSON.parse(out.trimEnd().split('\n').at(-1) ?? '');
  expect(result).toMatchObject({
    arrivals: file,
    leadSeconds: 30,
    rows: [{ rule: 'keda' }, { rule: 'paddock' }],
  });
  const fields = [
    'rule',
    'startedInTime',
    'waitSeconds',
    'replicaSeconds',
    'costRatio',
    'peakReplicas',
    'cutOff',
  ];
  expect(Object.keys(result.rows[0])).toEqual(fields);
  expect(Object.keys(result.rows[0].waitSeconds)).toEqual(['mean', 'p50', 'p90', 'p99', 'max']);
});

it('prints a table with a row for every rule', async () => {
  expect(await run('--arrivals', file)).toBe(0);
  for (const rule of ['paddock', 'keda', 'knative', 'backlog-per-instance', 'kubeai'])
    expect(out).toContain(rule);
  expect(out).toContain('60 requests in 118 s');
});

it('takes several rules after one option', async () => {
  expect(await run('--arrivals', file, '--rule', 'paddock', 'keda', '--json')).toBe(0);
  expect(JSON.parse(out).rows.map((row: { rule: string }) => row.rule)).toEqual(['paddock', 'keda']);
});

it.each([
  ['a file that is not there', ['--arrivals', 'no-such.csv'], /no-such\.csv: there is no such file/],
  ['no file', [], /--arrivals/],
  ['an unknown rule', ['--arrivals', 'x', '--rule', 'magic'], /no rule "magic".*paddock, keda/],
  ['no slots', ['--arrivals', 'x', '--slots', '0'], /whole number of at least 1/],
  ['a word for a number', ['--arrivals', 'x', '--lead-seconds', 'soon'], /--lead-seconds.*number/],
])('refuses %s with exit code 1', async (_, args, message) => {
  expect(await run(...args)).toBe(1);
  expect(errors).toMatch(message);
});

it('names the line and column of a bad value', async () => {
  await writeFile(file, 'offsetSeconds,promptTokens,outputTokens\n1,2,3\n2,x,3\n');
  expect(await run('--arrivals', file)).toBe(1);
  expect(errors).toMatch(/arrivals\.csv: line 3: column promptTokens holds "x"/);
});

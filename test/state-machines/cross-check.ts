import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureTools } from '../lint/tools.ts';
import { type Answer, definition, type Run } from './harness.ts';

const FOLDER = join(import.meta.dirname, 'moto');

/** An execution as the first engine ran it. */
export interface Recorded {
  machine: string;
  input: unknown;
  run: Run;
}

export interface Played {
  status: 'SUCCEEDED' | 'FAILED' | 'RUNNING' | 'TIMED_OUT';
  error: string | null;
  states: string[];
}

type States = Record<string, Record<string, unknown>>;

/** Plays the executions again in moto's engine, each Task a function that answers what was recorded. */
export async function playInMoto(recorded: readonly Recorded[]): Promise<Played[]> {
  const python = await ensureTools({ requirements: join(FOLDER, 'requirements.txt'), what: 'moto' });
  const names = [...new Set(recorded.map(({ machine }) => machine))];
  const machines = Object.fromEntries(names.map((name) => [name, withFunctions(name, definition(name))]));
  const cases = recorded.map(({ machine, input, run }) => ({
    machine,
    input,
    answers: answersOf(machine, run.answers),
  }));
  return JSON.parse(await talk(python, [join(FOLDER, 'play.py')], JSON.stringify({ machines, cases })));
}

/** The name of the function in place of a Task. */
const functionOf = (machine: string, state: string): string =>
  `${machine}-${state}`.replaceAll(/[^A-Za-z0-9]+/g, '-');

/** moto knows few integrations, but functions: each Task becomes one. Its paths, retries and catches stay. */
function withFunctions<T>(machine: string, value: T): T {
  const changed = structuredClone(value) as unknown as { States: States };
  const walk = ({ States }: { States: States }): void => {
    for (const [name, state] of Object.entries(States)) {
      if (state.Type === 'Task')
        state.Resource = `arn:aws:lambda:us-east-1:123456789012:function:${functionOf(machine, name)}`;
      if (state.Seconds !== undefined) state.Seconds = 0;
      if (state.ItemProcessor) walk(state.ItemProcessor as { States: States });
      for (const branch of (state.Branches ?? []) as { States: States }[]) walk(branch);
    }
  };
  walk(changed);
  return changed as T;
}

function answersOf(machine: string, answers: readonly Answer[]): Record<string, object[]> {
  const byFunction: Record<string, object[]> = {};
  for (const { state, ...answer } of hurried(answers)) {
    const name = functionOf(machine, state);
    byFunction[name] ??= [];
    byFunction[name].push(answer);
  }
  return byFunction;
}

/** Where an answer says how long to wait, nobody does. */
const hurried = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value), (key, inner) => (key === 'waitSeconds' ? 0 : inner));

function talk(command: string, args: string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [out, trouble] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      trouble = (trouble + chunk).slice(-4000);
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(out) : reject(new Error(`${args[0]}: ${code}\n${trouble}`)),
    );
    child.stdin.end(input);
  });
}

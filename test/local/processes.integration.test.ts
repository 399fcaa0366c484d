import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isRunning, type ProcessIdentity } from '../../local/process-identity.ts';
import { isLock, lockInstance, tryLock, waitForLock } from '../../local/process-lock.ts';
import { cleanUpAfterCrash } from '../../local/process-records.ts';
import { type ComponentError, type StartOptions, Supervisor } from '../../local/processes.ts';

let stateDir: string;
let supervisor: Supervisor;
let failures: ComponentError[];

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'paddock-processes-'));
  failures = [];
  supervisor = new Supervisor({ stateDir, onUnexpectedExit: (error) => failures.push(error) });
});

afterEach(async () => {
  await supervisor.stopAll();
  rmSync(stateDir, { recursive: true, force: true });
});

const options = (more: Partial<StartOptions> = {}): StartOptions => ({
  logFile: join(stateDir, 'logs/it.log'),
  ...more,
});

const shell = (script: string, more: Partial<StartOptions> = {}) =>
  supervisor.start('it', 'sh', ['-c', script], options(more));

const identityOf = (pid: number): ProcessIdentity => {
  const identity = identify(pid);
  if (identity === undefined) {
    throw new Error(`process ${pid} does not run`);
  }
  return identity;
};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await sleep(10);
  }
}

describe('a supervised process', () => {
  it('is handed its environment and folder, and its output lies in the log file', async () => {
    const folder = join(stateDir, 'folder');
    mkdirSync(folder);
    const managed = await shell('echo "$GREETING from $PWD"; exit 0', {
      env: { GREETING: 'hello' },
      cwd: folder,
      onExit: () => undefined,
    });
    await managed.exited;
    expect(readFileSync(managed.logFile, 'utf8')).toBe(`hello from ${folder}\n`);
  });

  it('has started once it is ready, however often the probe failed before', async () => {
    let asked = 0;
    await shell('sleep 60', {
      readiness: () => {
        asked += 1;
        return asked < 3 ? Promise.reject(new Error('refused')) : Promise.resolve(asked > 3);
      },
    });
    expect(asked).toBe(4);
  });

  it('that ends before it is ready is an error with its last log lines', async () => {
    const start = shell('echo the flag is unknown; exit 3', { readiness: () => Promise.resolve(false) });
    await expect(start).rejects.toThrow(
      /^it ended with exit code 3 before it was ready\.[\s\S]*the flag is unknown/,
    );
    expect(failures).toEqual([]);
  });

  it('that is not ready in time is ended', async () => {
    const file = join(stateDir, 'pid');
    const start = shell(`echo $$ > ${file}; exec sleep 60`, {
      readiness: () => Promise.resolve(false),
      readyTimeoutMs: 300,
    });
    await expect(start).rejects.toThrow('was not ready within 0.3 s');
    expect(readdirSync(join(stateDir, 'processes'))).toEqual([]);
  });

  it('that can not be started says why', async () => {
    await expect(supervisor.start('it', join(stateDir, 'nothing'), [], options())).rejects.toThrow(
      /^it could not be started: .*ENOENT/,
    );
  });

  it('that ends unasked is reported with its last log lines', async () => {
    const managed = await shell('echo out of memory; exit 7');
    await managed.exited;
    await until(() => failures.length > 0);
    expect(failures[0]?.message).toMatch(/^it ended with exit code 7\.[\s\S]*out of memory/);
    expect(failures[0]?.component).toBe('it');
  });

  it('that is stopped is not reported, and neither is one whose owner listens itself', async () => {
    const stopped = await shell('exec sleep 60');
    await stopped.stop();
    const exits: unknown[] = [];
    const owned = await shell('exit 4', { onExit: (info) => exits.push(info) });
    await owned.exited;
    await until(() => exits.length > 0);
    expect(exits).toEqual([{ code: 4, signal: null }]);
    expect(failures).toEqual([]);
  });
});

describe('stopping', () => {
  it('ends the last started first', async () => {
    const order: string[] = [];
    for (const name of ['first', 'second', 'third']) {
      const managed = await supervisor.start(name, 'sleep', ['60'], options());
      void managed.exited.then(() => order.push(name));
    }
    await supervisor.stopAll();
    expect(order).toEqual(['third', 'second', 'first']);
    await expect(shell('exit 0')).rejects.toThrow('everything is being stopped');
  });

  it('kills one that ignores SIGTERM, and what a process itself has started', async () => {
    const ready = join(stateDir, 'ready');
    const managed = await shell(`trap '' TERM; sleep 60 & echo $! > ${ready}; while :; do sleep 1; done`, {
      readiness: () => Promise.resolve(existsSync(ready) && readFileSync(ready, 'utf8') !== ''),
      graceMs: 200,
    });
    const child = identityOf(Number(readFileSync(ready, 'utf8')));
    await managed.stop();
    expect(await managed.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await until(() => !isRunning(child));
  });

  it('leaves no record', async () => {
    await shell('exec sleep 60');
    expect(readdirSync(join(stateDir, 'processes'))).toHaveLength(1);
    await supervisor.stopAll();
    expect(readdirSync(join(stateDir, 'processes'))).toEqual([]);
  });
});

/** Runs a program that supervises `sleep` in this state folder and says so; ends by the signal. */
async function runAndSignal(signal: NodeJS.Signals): Promise<{ code: number | null; left: ProcessIdentity }> {
  const code = `
    import { stopOnSignals, Supervisor } from '${join(import.meta.dirname, '../../local/processes.ts')}';
    const supervisor = new Supervisor({ stateDir: '${stateDir}' });
    stopOnSignals(() => supervisor.stopAll());
    const { pid } = await supervisor.start('sleeper', 'sleep', ['60'], { logFile: '${stateDir}/sleeper.log' });
    console.log(pid);`;
  const program = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | null>((resolve) => program.once('exit', resolve));
  const pid = await new Promise<number>((resolve) =>
    program.stdout.once('data', (data: Buffer) => resolve(Number(data))),
  );
  const left = identityOf(pid);
  program.kill(signal);
  return { code: await exited, left };
}

describe('when the program itself ends', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s, its children have ended and the exit code says so', async (signal, expected) => {
    const { code, left } = await runAndSignal(signal);
    expect(code).toBe(expected);
    expect(isRunning(left)).toBe(false);
  });

  it('by SIGKILL, its children are ended by the next clean-up', async () => {
    const { left } = await runAndSignal('SIGKILL');
    expect(isRunning(left)).toBe(true);
    expect(await cleanUpAfterCrash(stateDir)).toEqual(['sleeper']);
    expect(isRunning(left)).toBe(false);
    expect(await cleanUpAfterCrash(stateDir)).toEqual([]);
  });

  it('a process that was given a recorded id later is left alone, and so is a broken record', async () => {
    const bystander = await shell('exec sleep 60');
    const records = join(stateDir, 'processes');
    writeFileSync(
      join(records, `${bystander.pid}.json`),
      JSON.stringify({ name: 'gone', pid: bystander.pid, startedAt: 'another boot:1' }),
    );
    writeFileSync(join(records, '1.json'), '{"name":');
    expect(await cleanUpAfterCrash(stateDir)).toEqual([]);
    expect(identify(bystander.pid)).toBeDefined();
  });
});

describe('locks', () => {
  it('name the holder, and are free once released', () => {
    const lock = lockInstance(stateDir);
    expect(() => lockInstance(stateDir)).toThrow(
      `paddock local already runs with the state folder ${stateDir}: process ${process.pid}`,
    );
    lock.release();
    lockInstance(stateDir).release();
  });

  it.each([
    ['of a process that no longer runs', { pid: 2 ** 22 - 1, startedAt: 'x', since: '', what: '' }],
    ['of a process whose id someone else has now', { pid: process.pid, startedAt: 'x', since: '', what: '' }],
    ['that is broken', 'nonsense'],
  ])('%s are taken over', (_title, content) => {
    const path = join(stateDir, 'a.lock');
    writeFileSync(path, JSON.stringify(content));
    const result = tryLock(path, 'test');
    expect(isLock(result)).toBe(true);
    expect(readdirSync(stateDir)).toEqual(['a.lock']);
  });

  it('can be waited for', async () => {
    const path = join(stateDir, 'a.lock');
    const first = tryLock(path, 'test');
    const told: number[] = [];
    const second = waitForLock(path, 'test', ({ pid }) => {
      told.push(pid);
      if (isLock(first)) {
        first.release();
      }
    });
    (await second).release();
    expect(told).toEqual([process.pid]);
  });
});

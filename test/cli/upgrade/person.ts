import { jest } from '@jest/globals';
import { NotFoundError } from '../../../adapters/errors.ts';
import { upgradeCommand } from '../../../cli/commands/upgrade.ts';
import type { Upgrades } from '../../../cli/upgrade/open.ts';
import { UpgradeWorld } from '../../functions/upgrade/world.ts';
import { type Fault, nextId, upgrade } from '../../state-machines/upgrade-run.ts';

type Ended = Awaited<ReturnType<typeof upgrade>>;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A person at a terminal, before a system whose state machine is the real one, as are its function's steps. */
export class Person {
  readonly world = new UpgradeWorld();
  /** The next execution's. */
  fault: Fault | undefined;
  readonly #executions = new Map<string, Promise<Ended>>();
  readonly #ended = new Map<string, Ended>();
  readonly #upgrades: Upgrades = {
    cluster: 'test',
    state: this.world.state,
    executions: {
      start: async (request) => this.begin(request),
      describe: async (arn) => {
        const ended = this.#ended.get(arn);
        if (!ended && !this.#executions.has(arn)) throw new NotFoundError(arn, 'ExecutionDoesNotExist');
        if (!ended) return { arn, status: 'RUNNING' };
        const { error, output } = ended;
        if (!error) return { arn, status: 'SUCCEEDED', output };
        // The engine wraps what a state failed with.
        const { name, message } = (error.cause ?? error) as Error;
        return { arn, status: 'FAILED', error: name, cause: message };
      },
    },
    pause: turn,
  };

  constructor() {
    this.world.pace = turn;
  }

  begin(request: object): string {
    const id = nextId();
    const { fault } = this;
    this.fault = undefined;
    const running = upgrade(this.world, request, fault, {}, id);
    this.#executions.set(id, running);
    void running.then((ended) => this.#ended.set(id, ended));
    return id;
  }

  /** What `paddock upgrade …` prints, and its exit code. */
  async types(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const printed = { out: [] as string[], err: [] as string[] };
    const log = jest.spyOn(console, 'log').mockImplementation((text) => void printed.out.push(String(text)));
    const error = jest
      .spyOn(console, 'error')
      .mockImplementation((text) => void printed.err.push(String(text)));
    const before = process.exitCode;
    process.exitCode = undefined;
    try {
      await upgradeCommand(async () => this.#upgrades).parseAsync(args, { from: 'user' });
      const code = Number(process.exitCode ?? 0);
      return { code, out: printed.out.join('\n'), err: printed.err.join('\n') };
    } finally {
      process.exitCode = before;
      log.mockRestore();
      error.mockRestore();
    }
  }

  /** Until every execution has ended. */
  async waits(): Promise<void> {
    await Promise.all(this.#executions.values());
  }
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { defaultCacheDir } from '../../../local/build/artifacts.ts';
import { prepareDisk } from '../../../local/ollama/disk.ts';
import { findOllama, type OllamaInstall } from '../../../local/ollama/install.ts';
import { serveOllama } from '../../../local/ollama/serve.ts';
import { type ManagedProcess, Supervisor } from '../../../local/processes.ts';

const installed = await findOllama(defaultCacheDir());

/** As `describe`, with a real Ollama: without one it skips aloud. It is optional, in CI too: building it takes minutes. */
export function describeWithOllama(name: string, body: (install: OllamaInstall) => void): void {
  if (installed) return void describe(name, () => body(installed));
  console.warn(`SKIPPED: ${name}: there is no Ollama here (npm run paddock -- ollama install)`);
  describe.skip(name, () => {
    it('needs Ollama', () => undefined);
  });
}

/** Real servers for tests, each with a disk of its own. */
export class OllamaRig {
  readonly dir = mkdtempSync(join(tmpdir(), 'paddock-ollama-'));
  readonly #install: OllamaInstall;
  readonly #supervisor = new Supervisor({ stateDir: this.dir });
  #count = 0;

  constructor(install: OllamaInstall) {
    this.#install = install;
  }

  /** @param models on its disk, each of them the small one */
  async start(
    host: string,
    models: readonly string[],
    env: Record<string, string> = {},
  ): Promise<ManagedProcess & { disk: string }> {
    this.#count += 1;
    const disk = join(this.dir, `disk-${this.#count}`);
    prepareDisk(disk, this.#install.store, models);
    const { process } = await serveOllama({
      ...{ supervisor: this.#supervisor, program: this.#install.program, models: disk, host, env },
      logFile: join(this.dir, `ollama-${this.#count}.log`),
      onExit: () => undefined,
    });
    return { ...process, disk };
  }

  async stop(): Promise<void> {
    await this.#supervisor.stopAll();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

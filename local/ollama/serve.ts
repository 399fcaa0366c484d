import { mkdirSync } from 'node:fs';
import { freePorts } from '../cluster/ports.ts';
import type { ExitInfo, ManagedProcess, Supervisor } from '../processes.ts';

export interface ServeOptions {
  supervisor: Supervisor;
  program: string;
  /** `OLLAMA_MODELS`; its keys and settings go there too. */
  models: string;
  logFile: string;
  name?: string;
  /** `address:port`; default: a free port of 127.0.0.1. */
  host?: string;
  /** Further settings, such as `OLLAMA_NUM_PARALLEL`. */
  env?: Record<string, string>;
  signal?: AbortSignal;
  onExit?: (info: ExitInfo) => void;
}

const ASK_MS = 2_000;

/** `ollama serve`, once it answers. @throws ComponentError with its last log lines when it does not. */
export async function serveOllama(options: ServeOptions): Promise<{ host: string; process: ManagedProcess }> {
  const { supervisor, program, models, logFile, name = 'ollama', signal, onExit } = options;
  const host = options.host ?? `127.0.0.1:${(await freePorts(1))[0]}`;
  mkdirSync(models, { recursive: true });
  const process_ = await supervisor.start(name, program, ['serve'], {
    logFile,
    // Its home is there too: nothing of the user's own Ollama is read or written.
    env: { ...options.env, OLLAMA_HOST: host, OLLAMA_MODELS: models, HOME: models },
    readiness: async (over) => {
      const ask = AbortSignal.any([over, AbortSignal.timeout(ASK_MS)]);
      const answer = await fetch(`http://${host}/api/version`, { signal: ask });
      await answer.body?.cancel();
      return answer.ok;
    },
    ...(signal && { signal }),
    ...(onExit && { onExit }),
  });
  return { host, process: process_ };
}

import { type ConnectFlags, connect } from '../connect.ts';
import type { OpenModels } from './open.ts';

/** As shells report a process that Ctrl-C ended. */
const INTERRUPTED = 130;

/**
 * Connects, and lets Ctrl-C end what runs.
 * @param whenStopped what there is to say of that
 * @param run returns the exit code
 */
export async function withModels(
  flags: ConnectFlags,
  whenStopped: string,
  run: (models: OpenModels, signal: AbortSignal, registry: string | undefined) => Promise<number>,
): Promise<void> {
  const [{ openModels }, { readSession }, { resolve }] = await Promise.all([
    import('./open.ts'),
    import('../../local/session.ts'),
    import('node:path'),
  ]);
  const models = await openModels(connect(flags, { needsTable: false }));
  const registry = flags.aws ? undefined : readSession(resolve(flags.stateDir))?.registry;
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  process.once('SIGINT', stop);
  try {
    const code = await run(models, stopped.signal, registry);
    process.exitCode = code;
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
  } finally {
    if (stopped.signal.aborted) {
      console.error(whenStopped);
      process.exitCode = INTERRUPTED;
    }
    process.off('SIGINT', stop);
  }
}

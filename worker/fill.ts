import type { ModelServer } from '../adapters/ollama/server.ts';
import type { FillModel } from '../core/protocol/warmup.ts';

/** Fills by the model server's own pull, from wherever it pulls: it resumes what was begun and checks what arrived. */
export const fillByPull =
  (server: ModelServer): FillModel =>
  async (model, report, signal) => {
    if (await server.isOnDisk(model, signal)) return report({ source: 'disk' });
    report({ source: 'registry' });
    await server.pull(model, (progress) => report({ source: 'registry', ...progress }), signal);
  };

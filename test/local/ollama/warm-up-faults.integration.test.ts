import { join } from 'node:path';
import { OLLAMA_PORT } from '../../../core/protocol/names.ts';
import { SMALL_MODEL } from '../../../local/ollama/model.ts';
import { serveOllama } from '../../../local/ollama/serve.ts';
import { signalGroup } from '../../../local/process-records.ts';
import { Supervisor } from '../../../local/processes.ts';
import { warmUpFaultsContract } from '../../contract/warm-up-faults.ts';
import { describeWithOllama } from './harness.ts';

describeWithOllama('a real Ollama', ({ program, store }) => {
  warmUpFaultsContract('the real Ollama', {
    model: SMALL_MODEL,
    network: '127.45.0',
    registry: { store },
    async start(host, disk, _events, dir) {
      const supervisor = new Supervisor({ stateDir: dir });
      const serve = async () =>
        await serveOllama({
          ...{ supervisor, program, models: disk, host: `${host}:${OLLAMA_PORT}` },
          logFile: join(dir, `ollama-${host}.log`),
          env: { OLLAMA_NOPRUNE: '1', OLLAMA_KEEP_ALIVE: '-1' },
          onExit: () => undefined,
        });
      let { process: running } = await serve();
      return {
        async restart() {
          signalGroup(running.pid, 'SIGKILL');
          await running.exited;
          running = (await serve()).process;
        },
        stop: () => supervisor.stopAll(),
      };
    },
  });
});

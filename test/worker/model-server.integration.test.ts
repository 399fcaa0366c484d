import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OLLAMA_PORT } from '../../core/protocol/names.ts';
import { SyntheticServer } from '../../local/model-server/server.ts';
import { signalGroup } from '../../local/process-records.ts';
import { FLEET_MODEL, workerServerContract } from '../contract/worker-server.ts';
import { describeWithOllama, OllamaRig } from '../local/ollama/harness.ts';

const disks = mkdtempSync(join(tmpdir(), 'paddock-disks-'));
afterAll(() => rmSync(disks, { recursive: true, force: true }));

workerServerContract('synthetic', async (host) => {
  const disk = join(disks, host);
  const server = new SyntheticServer(
    { pod: host, host, port: OLLAMA_PORT, models: [FLEET_MODEL], slots: 1, loadableAt: 0, disk },
    () => undefined,
  );
  await server.listen();
  return { host, disk, kill: () => server.close() };
});

describeWithOllama('a real Ollama', (install) => {
  const rig = new OllamaRig(install);
  afterAll(() => rig.stop());
  workerServerContract('real', async (host) => {
    const server = await rig.start(`${host}:${OLLAMA_PORT}`, [FLEET_MODEL], { OLLAMA_NUM_PARALLEL: '1' });
    return {
      ...{ host, disk: server.disk },
      kill: async () => {
        signalGroup(server.pid, 'SIGKILL');
        await server.exited;
      },
    };
  });
});

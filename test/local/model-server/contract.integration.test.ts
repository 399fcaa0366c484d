import { OLLAMA_PORT } from '../../../core/protocol/names.ts';
import { SyntheticServer } from '../../../local/model-server/server.ts';
import { modelServerContract } from '../../contract/model-server.ts';
import { describeWithOllama, OllamaRig } from '../ollama/harness.ts';

const HOST = '127.77.0.3';
const MODEL = 'llama3.1:8b';

modelServerContract('synthetic', async () => {
  const spec = { pod: 'p', host: HOST, port: OLLAMA_PORT, models: [MODEL], slots: 1, loadableAt: 0 };
  const server = new SyntheticServer(spec, () => undefined);
  await server.listen();
  return { url: `http://${HOST}:${OLLAMA_PORT}`, model: MODEL, stop: () => server.close() };
});

describeWithOllama('a real Ollama', (install) => {
  modelServerContract('real', async () => {
    const rig = new OllamaRig(install);
    const host = `127.77.0.4:${OLLAMA_PORT}`;
    await rig.start(host, [MODEL], { OLLAMA_NUM_PARALLEL: '1' });
    return { url: `http://${host}`, model: MODEL, stop: () => rig.stop() };
  });
});

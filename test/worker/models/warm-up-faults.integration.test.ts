import { OLLAMA_PORT } from '../../../core/protocol/names.ts';
import { SyntheticServer } from '../../../local/model-server/server.ts';
import { warmUpFaultsContract } from '../../contract/warm-up-faults.ts';

warmUpFaultsContract('the synthetic server', {
  model: 'tiny',
  network: '127.44.0',
  registry: { inventBytes: 1_500_000 },
  async start(host, disk, events) {
    const spec = { pod: host, host, port: OLLAMA_PORT, models: [], slots: 1, loadableAt: 0, disk };
    const server = new SyntheticServer(spec, (event) => events.push(event));
    await server.listen();
    return { restart: async () => server.restart(0.2), stop: () => server.close() };
  },
});

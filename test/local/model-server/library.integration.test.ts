import { join } from 'node:path';
import { SyntheticServer } from '../../../local/model-server/server.ts';
import { modelLibraryContract } from '../../contract/model-library.ts';

modelLibraryContract('the synthetic model server', async (rig) => {
  const [host, disk] = ['127.35.0.1', join(rig.dir, 'disk')];
  const spec = { pod: 'p', host, port: 11434, models: [], slots: 1, loadableAt: 0, disk };
  const server = new SyntheticServer(spec, () => {});
  await server.listen();
  return { host, url: `http://${host}:11434`, disk, stop: () => server.close() };
});

import { join } from 'node:path';
import { it } from '@jest/globals';
import { defaultCacheDir } from '../../../local/build/artifacts.ts';
import { findOllama } from '../../../local/ollama/install.ts';
import { serveOllama } from '../../../local/ollama/serve.ts';
import { Supervisor } from '../../../local/processes.ts';
import { modelLibraryContract } from '../../contract/model-library.ts';

const install = await findOllama(defaultCacheDir());

if (install)
  modelLibraryContract(`Ollama ${install.version}`, async (rig) => {
    const disk = join(rig.dir, 'disk');
    const supervisor = new Supervisor({ stateDir: rig.dir });
    const { host } = await serveOllama({
      ...{ supervisor, program: install.program, models: disk, logFile: join(rig.dir, 'ollama.log') },
      env: { OLLAMA_NOPRUNE: '1' },
    });
    return { host: '127.0.0.2', url: `http://${host}`, disk, stop: () => supervisor.stopAll() };
  });
else it.skip('SKIPPED: there is no Ollama; "npm run paddock -- ollama install" brings it', () => {});

/** Run as a program of its own by lifecycle.integration.test.ts, which kills it: a runtime with a cluster. */
import { takeStateFolder } from '../../../local/state-folder.ts';
import { start } from './support.ts';

const [stateDir = ''] = process.argv.slice(2);
await takeStateFolder(stateDir, () => undefined);
await start(stateDir, 'http://127.0.0.1:9/');
console.log('up');
setInterval(() => undefined, 60_000);

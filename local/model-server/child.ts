/** The process in which all pods' synthetic model servers live. Ends when its parent goes away. */
import type { ChildMessage, ParentMessage } from './model-servers.ts';
import { SyntheticServer } from './server.ts';

const servers = new Map<string, SyntheticServer>();
const say = (message: ChildMessage): void => void process.send?.(message);

async function carryOut(message: ParentMessage): Promise<void> {
  switch (message.kind) {
    case 'add': {
      const server = new SyntheticServer(message.spec, (event) => say({ kind: 'event', event }));
      await server.listen();
      servers.set(message.spec.pod, server);
      return;
    }
    case 'remove': {
      const server = servers.get(message.pod);
      servers.delete(message.pod);
      await server?.close();
      return;
    }
    case 'unload':
      servers.get(message.pod)?.unload();
      return;
    case 'restart':
      servers.get(message.pod)?.restart(message.loadSeconds);
  }
}

process.on('message', (message: ParentMessage & { id: number }) => {
  carryOut(message).then(
    () => say({ kind: 'done', id: message.id }),
    (error: Error) => say({ kind: 'failed', id: message.id, error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
// Ctrl-C reaches the whole process group; the parent decides when this one ends.
process.on('SIGINT', () => undefined);

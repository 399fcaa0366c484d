import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

const LOOPBACK = '127.0.0.1';

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => resolve(server));
  });
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('a TCP server has an address with a port');
  }
  return address.port;
}

/**
 * Ports that nobody gets by chance: Linux gives 32768 and up to outgoing connections, and to whoever asks for any. One that is
 * free when it is looked for is still free when the program that is told of it, seconds later, listens there; and when it
 * listens there again after a restart.
 */
const RANGE = { first: 20_000, last: 32_767 };

/** Distinct ports of 127.0.0.1 that are free now. @throws Error when so many are taken that none is found */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (let tries = 0; servers.length < count; tries += 1) {
      const server = await listen(randomInt(RANGE.first, RANGE.last + 1)).catch((error: Error) => {
        if (tries > 1000) throw error;
      });
      if (server) servers.push(server);
    }
    return servers.map(portOf);
  } finally {
    await Promise.all(servers.map(close));
  }
}

/** Throws an error that says what to do when `port` of 127.0.0.1 is taken. */
export async function requireFreePort(port: number, what: string): Promise<void> {
  try {
    await close(await listen(port));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') {
      throw error;
    }
    throw new Error(
      `Port ${port} of ${LOOPBACK} is taken, and ${what} should listen there. ` +
        `Stop what uses it (ss -ltnp 'sport = :${port}' names it), or choose another port.`,
    );
  }
}

import { connect } from 'node:net';
import { UnavailableError } from '../errors.ts';

/** Tells the end of the server process that it leads to, even if another one is there at once. */
export interface HeldConnection {
  readonly isOver: boolean;
  onOver(listener: () => void): void;
  close(): void;
}

/** Throws UnavailableError when nobody listens. */
export function holdConnection(host: string, port: number): Promise<HeldConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const listeners: (() => void)[] = [];
    let isOver = false;
    socket.on('error', (error) => reject(unavailable(error, 'connect to the model server')));
    // Nothing is ever sent; whoever sends anything, or ends its half, is done with it.
    socket.on('data', () => socket.destroy()).on('end', () => socket.destroy());
    socket.once('close', () => {
      isOver = true;
      for (const listener of listeners) listener();
    });
    const held: HeldConnection = {
      get isOver() {
        return isOver;
      },
      onOver: (listener) => void listeners.push(listener),
      close() {
        listeners.length = 0;
        socket.destroy();
      },
    };
    socket.once('connect', () => resolve(held));
  });
}

export function unavailable(error: unknown, what: string): UnavailableError {
  const { code = 'Unknown', message } = error as { code?: string; message: string };
  return new UnavailableError(`${what}: ${code}: ${message}`, code, error);
}

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { OLLAMA_PORT, WORKER_PORT } from '../../core/protocol/names.ts';

const FIRST_NETWORK = 20;
const NETWORKS = 100;
const PER_NETWORK = 65_536;

/**
 * Loopback addresses for pods: a real address per pod on one machine, on which worker and model server listen at their usual
 * ports. They come from a /16 that this run has to itself for as long as it lives; an address is used again only after all
 * others.
 */
export class Addresses {
  readonly #network: string;
  readonly #claim: readonly Server[];
  readonly #used = new Set<string>();
  #next = 0;

  /** @param network first two bytes, such as `127.20`; `claim` takes one that is free */
  constructor(network: string, claim: readonly Server[] = []) {
    this.#network = network;
    this.#claim = claim;
  }

  /**
   * Takes the first network of 127.20 to 127.119 that no other run on this machine has, and in which nobody listens: what a run
   * that crashed has left there may live on.
   *
   * @throws Error when there is none: mostly because a program listens at the pods' ports on all addresses.
   */
  static async claim(): Promise<Addresses> {
    const inUse = networksInUse();
    for (let number = FIRST_NETWORK; number < FIRST_NETWORK + NETWORKS; number += 1) {
      const network = `127.${number}`;
      if (inUse.has(network)) continue;
      const claim = await claimNetwork(network);
      if (claim) return new Addresses(network, claim);
    }
    throw new Error(
      `The pods find no loopback address with free ports ${WORKER_PORT} and ${OLLAMA_PORT}: a program listens there on ` +
        `all addresses. Stop it, or let it listen on 127.0.0.1 only ` +
        `(ss -ltnp 'sport = :${WORKER_PORT} or sport = :${OLLAMA_PORT}' names it).`,
    );
  }

  /** @throws Error when every address is taken. */
  take(): string {
    for (let tries = 0; tries < PER_NETWORK; tries += 1) {
      const index = this.#next;
      this.#next = (this.#next + 1) % PER_NETWORK;
      const host = index % 256;
      const address = `${this.#network}.${Math.floor(index / 256)}.${host}`;
      if (host === 0 || host === 255 || address === claimed(this.#network) || this.#used.has(address))
        continue;
      this.#used.add(address);
      return address;
    }
    throw new Error(`Every address of ${this.#network}.0.0/16 is taken by a pod.`);
  }

  giveBack(address: string): void {
    this.#used.delete(address);
  }

  /** Leaves the network to others. */
  async release(): Promise<void> {
    await Promise.all(this.#claim.map(close));
  }
}

/** Whoever listens here has the network; a run that crashes leaves it free once its pods have ended. */
const claimed = (network: string): string => `${network}.255.254`;

const LISTENS = '0A';

/** First two bytes of the addresses at which somebody listens (Linux, `proc(5)`: bytes in reverse, as hexadecimal numbers). */
function networksInUse(): Set<string> {
  let table: string;
  try {
    table = readFileSync('/proc/net/tcp', 'utf8');
  } catch {
    return new Set();
  }
  const listening = table.split('\n').flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    return state === LISTENS ? [Buffer.from(local.slice(0, 8), 'hex').reverse()] : [];
  });
  return new Set(listening.map(([first, second]) => `${first}.${second}`));
}

async function claimNetwork(network: string): Promise<Server[] | undefined> {
  const servers: Server[] = [];
  try {
    for (const port of [WORKER_PORT, OLLAMA_PORT]) servers.push(await listen(claimed(network), port));
    return servers;
  } catch (error) {
    await Promise.all(servers.map(close));
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

function listen(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => resolve(server.unref()));
  });
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

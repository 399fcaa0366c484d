/**
 * Loopback addresses for pods, 127.64.0.1 to 127.127.255.254: a real address per pod on one machine, on which worker and model
 * server listen at their usual ports. An address is reused only after all others.
 */
export class Addresses {
  readonly #used = new Set<number>();
  #next = 0;

  /** @throws Error when every address is taken. */
  take(): string {
    for (let tries = 0; tries < SIZE; tries += 1) {
      const index = this.#next;
      this.#next = (this.#next + 1) % SIZE;
      if (this.#used.has(index) || [0, 255].includes(index % 256)) continue;
      this.#used.add(index);
      return address(index);
    }
    throw new Error('Every loopback address for pods is taken.');
  }

  release(given: string): void {
    const [, second = 0, third = 0, fourth = 0] = given.split('.').map(Number);
    this.#used.delete((second - FIRST) * 65_536 + third * 256 + fourth);
  }
}

const FIRST = 64;
const SIZE = 64 * 65_536;

const address = (index: number): string =>
  `127.${FIRST + Math.floor(index / 65_536)}.${Math.floor(index / 256) % 256}.${index % 256}`;

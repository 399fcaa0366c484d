const PER_PREFIX = 65_536;

/**
 * Loopback addresses for pods: a real address per pod on one machine, on which worker and model server listen at their usual
 * ports. An address is used again only after all others.
 */
export class Addresses {
  readonly #prefix: string;
  readonly #used = new Set<string>();
  #next = 0;

  /** @param prefix first two bytes, such as `127.20` */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @throws Error when every address is taken. */
  take(): string {
    for (let tries = 0; tries < PER_PREFIX; tries += 1) {
      const index = this.#next;
      this.#next = (this.#next + 1) % PER_PREFIX;
      const host = index % 256;
      const address = `${this.#prefix}.${Math.floor(index / 256)}.${host}`;
      if (host === 0 || host === 255 || this.#used.has(address)) continue;
      this.#used.add(address);
      return address;
    }
    throw new Error(`Every address of ${this.#prefix}.0.0/16 is taken by a pod.`);
  }

  giveBack(address: string): void {
    this.#used.delete(address);
  }
}

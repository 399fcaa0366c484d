/** Ids and choices that are random to a reader and equal for an equal seed. */
export class Ids {
  #state: number;

  /** @param seed any integer. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1) (mulberry32). */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += Math.floor(this.random() * 16).toString(16);
    return text;
  }

  uuid(): string {
    const variant = '89ab'[Math.floor(this.random() * 4)];
    return `${this.hex(8)}-${this.hex(4)}-4${this.hex(3)}-${variant}${this.hex(3)}-${this.hex(12)}`;
  }

  instanceId(): string {
    return `i-0${this.hex(16)}`;
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.random() * items.length)];
    if (item === undefined) throw new RangeError('Nothing to pick from.');
    return item;
  }
}

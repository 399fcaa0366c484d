/** A binary heap of services in progress, the one that ends first on top. Flat arrays: it runs once per request. */
export class Completions {
  readonly #at: number[] = [];
  readonly #replica: number[] = [];
  readonly #request: number[] = [];

  get size(): number {
    return this.#at.length;
  }

  /** When the next one ends; Infinity when there is none. */
  get nextAt(): number {
    return this.#at[0] ?? Number.POSITIVE_INFINITY;
  }

  get nextReplica(): number {
    return this.#replica[0] ?? -1;
  }

  push(at: number, replica: number, request: number): void {
    let index = this.#at.length;
    this.#at.push(at);
    this.#replica.push(replica);
    this.#request.push(request);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((this.#at[parent] as number) <= at) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#set(index, at, replica, request);
  }

  pop(): void {
    const at = this.#at.pop() as number;
    const replica = this.#replica.pop() as number;
    const request = this.#request.pop() as number;
    const size = this.#at.length;
    if (size === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      if (child + 1 < size && (this.#at[child + 1] as number) < (this.#at[child] as number)) child += 1;
      if ((this.#at[child] as number) >= at) break;
      this.#move(child, index);
      index = child;
    }
    this.#set(index, at, replica, request);
  }

  /** Takes out what runs on a replica; returns the requests, in the order in which they would have ended. */
  cutOff(replica: number): number[] {
    const cut: [number, number][] = [];
    const kept: [number, number, number][] = [];
    for (let index = 0; index < this.#at.length; index += 1) {
      const at = this.#at[index] as number;
      const request = this.#request[index] as number;
      const on = this.#replica[index] as number;
      if (on === replica) cut.push([at, request]);
      else kept.push([at, on, request]);
    }
    this.#at.length = 0;
    this.#replica.length = 0;
    this.#request.length = 0;
    for (const [at, on, request] of kept) this.push(at, on, request);
    return cut.sort((a, b) => a[0] - b[0]).map(([, request]) => request);
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#at[from] as number, this.#replica[from] as number, this.#request[from] as number);
  }

  #set(index: number, at: number, replica: number, request: number): void {
    this.#at[index] = at;
    this.#replica[index] = replica;
    this.#request[index] = request;
  }
}

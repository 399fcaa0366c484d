import type { Arrivals } from '../arrivals.ts';

/** What serves requests. */
export interface ServingPod {
  id: string;
  /** Warm, and takes what waits. */
  isServing: boolean;
  busy: number;
  completed: number;
  busySlotSeconds: number;
  lastActiveAt: number;
}

interface Running {
  request: number;
  pod: ServingPod;
  endsAt: number;
}

/** A FIFO queue and the slots that serve it. */
export class Service {
  readonly arrivals: Arrivals;
  readonly waits: Float64Array;
  /** Requests whose service was broken off, and which start again. */
  readonly interrupted = new Set<number>();
  readonly results: Uint8Array;
  /** Seconds in which something waited since every slot was taken. */
  lackingSeconds = 0;
  readonly #slots: number;
  #arrived = 0;
  #queue: number[] = [];
  #running: Running[] = [];

  constructor(arrivals: Arrivals, slots: number) {
    this.arrivals = arrivals;
    this.#slots = slots;
    this.waits = new Float64Array(arrivals.at.length).fill(-1);
    this.results = new Uint8Array(arrivals.at.length);
  }

  get backlog(): number {
    return this.#queue.length;
  }

  get inFlight(): number {
    return this.#running.length;
  }

  get isDone(): boolean {
    return this.#arrived === this.arrivals.at.length && this.backlog === 0 && this.inFlight === 0;
  }

  step(now: number, seconds: number, pods: readonly ServingPod[]): void {
    for (const pod of pods) pod.busySlotSeconds += pod.busy * seconds;
    for (const { pod, request } of this.#running.filter(({ endsAt }) => endsAt <= now)) {
      pod.busy -= 1;
      pod.completed += 1;
      pod.lastActiveAt = now;
      this.results[request] = (this.results[request] ?? 0) + 1;
    }
    this.#running = this.#running.filter(({ endsAt }) => endsAt > now);
    const { at } = this.arrivals;
    while ((at[this.#arrived] ?? Number.POSITIVE_INFINITY) <= now) this.#queue.push(this.#arrived++);
    for (const pod of pods)
      while (pod.isServing && pod.busy < this.#slots && this.#queue.length > 0) this.#start(pod, now);
    if (this.#queue.length > 0) this.lackingSeconds += seconds;
  }

  /** Its node is off: what it served starts again once its message is visible again. */
  cutOff(pod: ServingPod): void {
    for (const { request } of this.#take(pod)) this.interrupted.add(request);
  }

  /** It gives back what it has not finished. */
  handBack(pod: ServingPod): void {
    this.cutOff(pod);
  }

  #take(pod: ServingPod): Running[] {
    if (pod.busy === 0) return [];
    const taken = this.#running.filter((one) => one.pod === pod);
    this.#running = this.#running.filter((one) => one.pod !== pod);
    this.#queue.unshift(...taken.map(({ request }) => request));
    pod.busy = 0;
    return taken;
  }

  #start(pod: ServingPod, now: number): void {
    const request = this.#queue.shift() as number;
    if ((this.waits[request] as number) < 0)
      this.waits[request] = now - (this.arrivals.at[request] as number);
    pod.busy += 1;
    pod.lastActiveAt = now;
    this.#running.push({ request, pod, endsAt: now + (this.arrivals.service[request] as number) });
  }
}

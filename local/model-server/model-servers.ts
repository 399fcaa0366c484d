import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PodModelServers, ServerEvent, ServerSpec } from './types.ts';

export type ParentMessage =
  | { kind: 'add'; spec: ServerSpec }
  | { kind: 'remove'; pod: string }
  /** Forgets what is loaded. */
  | { kind: 'unload'; pod: string }
  /** Cuts off and forgets, as a server that is killed and is back at once. */
  | { kind: 'restart'; pod: string; loadSeconds: number };

export type ChildMessage =
  | { kind: 'event'; event: ServerEvent }
  | { kind: 'done'; id: number }
  | { kind: 'failed'; id: number; error: string };

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

/**
 * The synthetic model servers of all pods, in one process of their own: they must not disturb the control plane that is
 * measured beside them. Events carry the time at which the server saw them.
 */
export class ModelServers implements PodModelServers {
  readonly kind = 'synthetic';
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  readonly #listeners = new Set<(event: ServerEvent) => void>();
  #nextId = 1;

  constructor() {
    this.#child = fork(CHILD, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child.on('message', (message: ChildMessage) => this.#receive(message));
    this.#child.once('exit', () => {
      for (const { reject } of this.#pending.values()) reject(new Error('The model servers have ended.'));
      this.#pending.clear();
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  onEvent(listener: (event: ServerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the pod's server listens; rejects when its address is taken. */
  add(spec: ServerSpec): Promise<void> {
    return this.#ask({ kind: 'add', spec });
  }

  /** Ends the pod's server at once; requests under way are cut off. */
  remove(pod: string): Promise<void> {
    return this.#ask({ kind: 'remove', pod });
  }

  unload(pod: string): Promise<void> {
    return this.#ask({ kind: 'unload', pod });
  }

  restart(pod: string, loadSeconds: number): Promise<void> {
    return this.#ask({ kind: 'restart', pod, loadSeconds });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }

  #ask(message: ParentMessage): Promise<void> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (!this.#child.connected) return reject(new Error('The model servers have ended.'));
      this.#pending.set(id, { resolve, reject });
      this.#child.send({ ...message, id }, (error) => error && reject(error));
    });
  }

  #receive(message: ChildMessage): void {
    if (message.kind === 'event') {
      for (const listener of this.#listeners) listener(message.event);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.kind === 'done') pending?.resolve();
    else pending?.reject(new Error(message.error));
  }
}

import { SingleBar } from 'cli-progress';

/** Bytes of something, where a person looks on. */
export class Bar {
  #bar: SingleBar | undefined;

  show(done: number, total: number, what: string): void {
    if (!process.stderr.isTTY || total === 0) return;
    const mb = (bytes: number): number => Math.round(bytes / 1e6);
    if (!this.#bar) {
      this.#bar = new SingleBar({
        format: '{bar} {value}/{total} MB, {what}, {duration_formatted}, {eta_formatted} to go',
        ...{ clearOnComplete: true, gracefulExit: false },
      });
      this.#bar.start(mb(total), 0, { what });
    }
    this.#bar.setTotal(mb(total));
    this.#bar.update(mb(done), { what });
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

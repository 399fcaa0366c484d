import { MultiBar, type SingleBar } from 'cli-progress';

/** Tells a person what the start-up does. Everything goes to standard error: standard output belongs to results. */
export interface Progress {
  /** Runs a named step and reports how long it took. `update` takes the share done, 0 to 1; a step that calls it has a bar. */
  step<T>(
    title: string,
    run: (update: (fraction: number, detail?: string) => void) => Promise<T>,
  ): Promise<T>;
  info(line: string): void;
}

/** Whatever takes text: a terminal, a pipe, a test. */
export interface Output {
  write(text: string): unknown;
}

/** `0.4 s`, `12 s`, `3 min 05 s`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

const percent = (fraction: number): number => Math.floor(Math.min(1, Math.max(0, fraction)) * 100);

async function timed<T>(run: () => Promise<T>, done: (took: string, ok: boolean) => void): Promise<T> {
  const begun = performance.now();
  let ok = false;
  try {
    const value = await run();
    ok = true;
    return value;
  } finally {
    done(formatDuration(performance.now() - begun), ok);
  }
}

/** For `--json` and tests: says nothing. */
export function silentProgress(): Progress {
  return { step: (_title, run) => run(() => undefined), info: () => undefined };
}

/** For pipes and CI: whole lines, a long step's share at every tenth part. */
export function plainProgress(output: Output = process.stderr): Progress {
  const line = (text: string): unknown => output.write(`${text}\n`);
  return {
    info: line,
    step(title, run) {
      line(`${title} …`);
      let tenth = 0;
      const update = (fraction: number, detail?: string): void => {
        const reached = Math.floor(percent(fraction) / 10);
        if (reached > tenth) {
          tenth = reached;
          line(`${title}: ${reached * 10} %${detail === undefined ? '' : ` (${detail})`}`);
        }
      };
      return timed(
        () => run(update),
        (took, ok) => line(`${title}: ${ok ? 'done' : 'failed'} after ${took}`),
      );
    },
  };
}

/** For a person at a terminal: a line per step, and a bar for those that tell their share. */
export function terminalProgress(output: NodeJS.WriteStream = process.stderr): Progress {
  const bars = new BarStack(output);
  return {
    info: (text) => bars.line(text),
    step(title, run) {
      let bar: SingleBar | undefined;
      const update = (fraction: number, detail = ''): void => {
        bar ??= bars.add(title);
        bar.update(percent(fraction), { detail });
      };
      return timed(
        () => run(update),
        (took, ok) => {
          if (bar !== undefined) {
            bars.remove(bar);
          }
          bars.line(`${ok ? '✓' : '✗'} ${title} (${took})`);
        },
      );
    },
  };
}

/** Bars at the bottom, finished lines above them. */
class BarStack {
  readonly #output: NodeJS.WriteStream;
  #bars: MultiBar | undefined;
  #shown = 0;
  readonly #hide = (): void => {
    this.#bars?.stop();
    this.#bars = undefined;
    process.off('exit', this.#hide);
  };

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  add(title: string): SingleBar {
    this.#bars ??= this.#show();
    this.#shown += 1;
    return this.#bars.create(100, 0, { title, detail: '' });
  }

  #show(): MultiBar {
    process.on('exit', this.#hide); // else Ctrl-C leaves the terminal without cursor and line wrap
    return new MultiBar({
      format: '  {title} {bar} {percentage} % {duration_formatted} {detail}',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      stopOnComplete: false,
      gracefulExit: false, // signals are the supervisor's
      stream: this.#output,
    });
  }

  remove(bar: SingleBar): void {
    this.#bars?.remove(bar);
    this.#shown -= 1;
    if (this.#shown === 0) {
      this.#hide();
    }
  }

  line(text: string): void {
    if (this.#bars === undefined) {
      this.#output.write(`${text}\n`);
    } else {
      this.#bars.log(`${text}\n`); // above the bars, at the next redraw
    }
  }
}

/** The right one for this standard error; `quiet` (as with `--json`) says nothing. */
export function createProgress(options: { quiet?: boolean } = {}): Progress {
  if (options.quiet === true) {
    return silentProgress();
  }
  return process.stderr.isTTY ? terminalProgress() : plainProgress();
}

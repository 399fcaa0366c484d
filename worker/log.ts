export type LogFields = Record<string, unknown>;

/** JSON lines, one per event. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/**
 * @param base fields of every line
 * @param level lines below it are dropped; unknown names count as `info`
 */
export function createLog(
  base: LogFields,
  level = 'info',
  write: (line: string) => void = (line) => process.stdout.write(line),
): Log {
  const threshold = Math.max(
    0,
    LEVELS.indexOf((LEVELS as readonly string[]).includes(level) ? (level as 'info') : 'info'),
  );
  const at =
    (name: (typeof LEVELS)[number]) =>
    (message: string, fields: LogFields = {}): void => {
      if (LEVELS.indexOf(name) < threshold) return;
      const time = new Date().toISOString();
      write(`${JSON.stringify({ time, level: name, message, ...base, ...fields }, replacer)}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function replacer(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}

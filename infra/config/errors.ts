/** One thing that is wrong with a configuration. */
export interface Problem {
  /** Where: `fleets[0].pools[1].max`. */
  path: string;
  /** What is wrong, with the values at hand. */
  message: string;
  /** What to do about it. */
  fix: string;
}

/** Everything that is wrong with a configuration, in one error. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const title = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    const lines = problems.map(({ path, message, fix }) => `  ${path}: ${message}\n    fix: ${fix}`);
    super(`The configuration has ${title}:\n${lines.join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** `['fleets', 0, 'pools', 1, 'max']` → `fleets[0].pools[1].max`. */
export function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text.replace(/^\./, '') || '(the whole configuration)';
}

export const minAboveMax = (path: string, min: number, max: number, suffix = ''): Problem => ({
  path: `${path}.min${suffix}`,
  message: `min${suffix} ${min} is above max${suffix} ${max}`,
  fix: `Lower min${suffix} to ${max}, or raise max${suffix} to ${min}.`,
});

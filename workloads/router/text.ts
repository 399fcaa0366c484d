/** A block of Nginx's configuration language. */
export const block = (head: string, lines: readonly string[]): string =>
  [`${head} {`, ...indent(lines), '}'].join('\n');

export const indent = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => line.split('\n')).map((line) => `  ${line}`);

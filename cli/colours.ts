/**
 * Imported before anything that draws tables: these colour themselves by the terminal's name alone, also in a pipe or a file, and
 * where NO_COLOR asks for none (no-color.org).
 */
if (process.env.FORCE_COLOR === undefined && (!process.stdout.isTTY || process.env.NO_COLOR)) {
  process.env.FORCE_COLOR = '0';
  // Node warns where both are set.
  delete process.env.NO_COLOR;
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync, stop } from 'esbuild';

/** First line of every bundle: CommonJS packages inside an ES module still call require(). */
const REQUIRE_BANNER =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/**
 * Bundles an entry with all it imports into one minified ES module: the SDK that was tested, not the one that a runtime
 * has today. esbuild's own API takes half a second where NodejsFunction, which starts npx, takes four.
 *
 * @throws what esbuild found wrong
 */
export function bundle(entry: string, outfile: string): void {
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    // As .mjs it runs wherever it lies; CommonJS would be taken for a module inside this repository.
    format: 'esm',
    // ES modules first: they let esbuild leave out what is not used.
    mainFields: ['module', 'main'],
    banner: { js: REQUIRE_BANNER },
    logLevel: 'warning',
  });
}

/** Ends the process that esbuild keeps for more bundles; the next bundle starts a new one. */
export const endBundling = (): Promise<void> => stop();

/** Gives `use` a folder that is gone afterwards. Assets copy what they need from it as they are made. */
export function withTemporaryFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'paddock-bundle-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

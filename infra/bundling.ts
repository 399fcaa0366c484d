/** First line of every bundle: CommonJS packages inside an ES module still call require(). */
export const REQUIRE_BANNER =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

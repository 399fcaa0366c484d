/** The version that the synthetic server is, unless its pod's image has another tag. */
export const DEFAULT_VERSION = '0.17.4';

/** Ways in which a version of the synthetic server can be broken: its tag ends with one, `0.18.0-hangs`. */
export const BROKEN = ['crashes', 'hangs', 'slow', 'wrong'] as const;
export type Broken = (typeof BROKEN)[number];

/** So much longer a slow version takes for each token. */
export const SLOW_FACTOR = 5;

/** How a version is broken: each loads its models and answers the single token of a warm-up, and shows itself in real work. */
export const brokenVersion = (version: string | undefined): Broken | undefined =>
  BROKEN.find((way) => version?.endsWith(`-${way}`));

/** `docker.io/ollama/ollama:0.18.0` → `0.18.0`; undefined for a digest, or no tag. */
export const versionOfImage = (image: string | undefined): string | undefined =>
  /:([^:/@]+)$/.exec(image?.includes('@') ? '' : (image ?? ''))?.[1];

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A path inside the repository, whatever the working directory. */
export const repositoryPath = (...parts: string[]): string => join(ROOT, ...parts);

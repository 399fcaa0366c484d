import { copyFileSync, linkSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { manifestFile, parseModelName } from '../../core/protocol/model-names.ts';
import { SMALL_MODEL } from './model.ts';

/**
 * Makes `folder` a replica's disk: each of the models is on it, and each is the small one under that name. What is large is
 * a second name of the store's own file, which Ollama never writes to: a replica costs no space and can be deleted.
 *
 * @param models as the fleet names them; none: an empty disk
 * @throws Error for a name that is none
 */
export function prepareDisk(folder: string, store: string, models: readonly string[]): void {
  const blobs = join(folder, 'blobs');
  mkdirSync(blobs, { recursive: true });
  if (models.length === 0) return;
  for (const name of readdirSync(join(store, 'blobs'))) {
    linkOrCopy(join(store, 'blobs', name), join(blobs, name));
  }
  for (const model of models) {
    const manifest = join(folder, manifestFile(parseModelName(model)));
    mkdirSync(dirname(manifest), { recursive: true });
    copyFileSync(join(store, manifestFile(parseModelName(SMALL_MODEL))), manifest);
  }
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    copyFileSync(from, to); // another file system, or one without links
  }
}

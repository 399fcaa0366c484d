import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from '../connect.ts';
import { uploadNotes } from './notes.ts';

/** Beside the local system's state. */
const NOTES_DIR = join('.paddock', 'mirror');

/** @throws what the adapters throw; Error when the stack is older than this command */
export async function openModels({ fleet, cluster }: Connection) {
  // Imported after the connection is set: SDK clients read the environment when they are made.
  const [{ S3ModelDesk }, { S3MirrorUpload }, { SsmFleetParameters }] = await Promise.all([
    import('../../adapters/aws/model-desk.ts'),
    import('../../adapters/aws/mirror-upload.ts'),
    import('../../adapters/aws/fleet-parameters.ts'),
  ]);
  const prefix = `/paddock/${cluster}/fleets/`;
  const { modelsBucket, resultsBucket } = await SsmFleetParameters.forCommand(prefix).read(fleet);
  if (!modelsBucket || !resultsBucket)
    throw new Error(
      `The parameter ${prefix}${fleet} names no bucket for models: deploy the stack PaddockControlPlane again.`,
    );
  return {
    fleet,
    bucket: modelsBucket,
    desk: new S3ModelDesk({ fleet, modelsBucket, resultsBucket }),
    upload: new S3MirrorUpload(modelsBucket, uploadNotes(NOTES_DIR, modelsBucket)),
  };
}

export type OpenModels = Awaited<ReturnType<typeof openModels>>;

/**
 * From where a model is mirrored: a registry, or a folder in Ollama's layout.
 * @throws Error for what is neither
 */
export async function openOrigin(from: string) {
  if (/^https?:\/\//.test(from)) {
    const { HttpRegistry } = await import('../../adapters/registry/registry.ts');
    return new HttpRegistry(from);
  }
  if (from === '' || /^\w+:\/\//.test(from) || !existsSync(join(from, 'manifests')))
    throw new Error(
      `--from '${from}' is neither the http(s) URL of a registry nor a folder of Ollama's models, which has the folders 'manifests' and 'blobs', such as ~/.ollama/models.`,
    );
  const { FolderOrigin } = await import('../../adapters/registry/folder.ts');
  return new FolderOrigin(from);
}

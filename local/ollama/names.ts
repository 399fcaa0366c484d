import { join } from 'node:path';
import { canonicalModel } from '../../core/protocol/model-names.ts';

const HOST = 'registry.ollama.ai';
const NAMESPACE = 'library';

/**
 * Where Ollama keeps a model's manifest, relative to `OLLAMA_MODELS`: `manifests/<host>/<namespace>/<model>/<tag>`, with
 * the registry's own defaults (types/model/name.go of Ollama).
 *
 * @throws Error for a name with more parts than that
 */
export function manifestPath(model: string): string {
  const name = canonicalModel(model);
  const colon = name.lastIndexOf(':');
  const parts = name.slice(0, colon).split('/');
  const tag = name.slice(colon + 1);
  if (parts.length > 3 || [...parts, tag].some((part) => part === '' || part.startsWith('.'))) {
    throw new Error(`'${model}' is not the name of a model: it is [host/][namespace/]model[:tag].`);
  }
  const [own, namespace = NAMESPACE, host = HOST] = parts.reverse();
  return join('manifests', host, namespace, own as string, tag);
}

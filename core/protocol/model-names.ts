/** Models' names as Ollama reads them (`types/model/name.go`). */

/** Parts of a name; Ollama's own defaults filled in. */
export interface ModelName {
  /** Of the registry: `registry.ollama.ai`, `hf.co`. */
  host: string;
  namespace: string;
  model: string;
  tag: string;
}

export const DEFAULT_REGISTRY_HOST = 'registry.ollama.ai';
const DEFAULT_NAMESPACE = 'library';

const HOST = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}$/;
const NAMESPACE = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,79}$/;
const PART = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/;

/**
 * Reads `[host/][namespace/]model[:tag]`, by the rules of Ollama's `types/model/name.go`.
 * @throws Error for what Ollama would not take
 */
export function parseModelName(text: string): ModelName {
  const wrong = () =>
    new Error(`'${text}' is no name of a model; one is like llama3.1:8b or hf.co/someone/model:Q4_K_M`);
  const path = text.trim();
  const colon = path.lastIndexOf(':');
  const hasTag = colon > path.lastIndexOf('/');
  const tag = hasTag ? path.slice(colon + 1) : 'latest';
  const parts = (hasTag ? path.slice(0, colon) : path).split('/');
  if (parts.length > 3) throw wrong();
  const [model = '', namespace = DEFAULT_NAMESPACE, host = DEFAULT_REGISTRY_HOST] = parts.reverse();
  if (!HOST.test(host) || !NAMESPACE.test(namespace) || !PART.test(model) || !PART.test(tag)) throw wrong();
  return { host, namespace, model, tag };
}

/** As Ollama lists it: without the default registry and namespace, always with its tag, in the case in which it was written. */
export function displayName({ host, namespace, model, tag }: ModelName): string {
  const isDefaultHost = host.toLowerCase() === DEFAULT_REGISTRY_HOST;
  if (!isDefaultHost) return `${host}/${namespace}/${model}:${tag}`;
  return namespace.toLowerCase() === DEFAULT_NAMESPACE ? `${model}:${tag}` : `${namespace}/${model}:${tag}`;
}

/** What two names have in common that mean the same model to Ollama. @throws Error for what is no name */
export const modelKey = (name: string): string => displayName(parseModelName(name)).toLowerCase();

export function isModelName(text: string): boolean {
  try {
    parseModelName(text);
    return true;
  } catch {
    return false;
  }
}

/** Ollama's reading of a name, also of one that it would not take: two that mean the same model have the same. Never throws. */
export function canonicalModel(name: string): string {
  return isModelName(name) ? modelKey(name) : name.trim().toLowerCase();
}

/** Where Ollama keeps a model's manifest, in `OLLAMA_MODELS`; in the case in which the name was written. */
export const manifestFile = ({ host, namespace, model, tag }: ModelName): string =>
  `manifests/${host}/${namespace}/${model}/${tag}`;

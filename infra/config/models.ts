/** What a model's name tells: Ollama names are `[host/][namespace/]name[:tag]`. */

const SIZE = /(?:^|[-_.])e?(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])(?=$|[-_.])/i;

/**
 * Parameters in billions, read from the tag (`llama3.1:8b`, `mixtral:8x7b`, `gemma3:270m`) and else from the
 * name (`hf.co/someone/Llama-3.2-3B-Instruct-GGUF`). Undefined when neither says.
 */
export function parametersInBillions(model: string): number | undefined {
  const [, tag = ''] = /:([^/:]+)$/.exec(model) ?? [];
  const name =
    model
      .slice(0, model.length - (tag ? tag.length + 1 : 0))
      .split('/')
      .at(-1) ?? '';
  for (const part of [tag, name]) {
    const [, experts, size, unit] = SIZE.exec(part) ?? [];
    if (size === undefined) continue;
    return Number(experts ?? 1) * Number(size) * (unit?.toLowerCase() === 'm' ? 0.001 : 1);
  }
  return undefined;
}

const EMBEDDING = /embed|minilm|^bge-|^gte-|^e5-|paraphrase-/i;

/** True for models that only embed. Ollama serves those one request at a time, whatever OLLAMA_NUM_PARALLEL says. */
export function isEmbeddingModel(model: string): boolean {
  return EMBEDDING.test(
    model
      .replace(/:[^/:]+$/, '')
      .split('/')
      .at(-1) ?? '',
  );
}

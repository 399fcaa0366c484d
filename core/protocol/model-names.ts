/** Ollama's own reading of a model name: no tag means `latest`, and case does not count. */
export function canonicalModel(name: string): string {
  const lower = name.trim().toLowerCase();
  return lower.slice(lower.lastIndexOf('/') + 1).includes(':') ? lower : `${lower}:latest`;
}

/** Where a request says how many tokens its answer may have, in OpenAI's dialects; Ollama's own has `options.num_predict`. */
const LIMITS = ['max_tokens', 'max_completion_tokens', 'max_output_tokens'] as const;

/**
 * The parameter by which a request asks for an answer without an end; undefined when there is none. Ollama takes 0 for no limit at
 * all, and cuts a fraction to it; a negative number is ten times the context to it, as is saying nothing.
 * Source: Ollama 0.17.4, `llm/server.go` (Completion), `runner/ollamarunner/runner.go`, `api/types.go` (FromMap).
 */
export function endlessParameter(body: Readonly<Record<string, unknown>>): string | undefined {
  const { num_predict } = (body.options ?? {}) as { num_predict?: unknown };
  if (isEndless(num_predict)) return 'options.num_predict';
  return LIMITS.find((name) => isEndless(body[name]));
}

const isEndless = (limit: unknown): boolean => typeof limit === 'number' && Math.trunc(limit) === 0;

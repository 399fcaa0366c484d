import * as z from 'zod';
import type { QueueablePath } from '../protocol/request.ts';

const tokens = z.int().nonnegative().catch(0);

const completion = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        message: z.looseObject({ content: z.string() }).optional(),
        text: z.string().optional(),
      }),
    )
    .min(1),
});
const native = z.looseObject({
  response: z.string().optional(),
  message: z.looseObject({ content: z.string() }).optional(),
});
const openAiUsage = z.looseObject({
  usage: z.looseObject({ prompt_tokens: tokens, completion_tokens: tokens, total_tokens: tokens }),
});
const nativeUsage = z.looseObject({ prompt_eval_count: tokens, eval_count: tokens });

/** The text of an answer, for `output_text`; undefined for one that has none, such as embeddings. */
export function textOf(path: QueueablePath, answer: unknown): string | undefined {
  if (path.startsWith('/api/')) {
    const { data } = native.safeParse(answer);
    return data?.message?.content ?? data?.response;
  }
  const first = completion.safeParse(answer).data?.choices[0];
  return first?.message?.content ?? first?.text;
}

/** Token counts as the Responses API writes them; null when the answer has none. */
export function usageOf(path: QueueablePath, answer: unknown): object | null {
  if (path.startsWith('/api/')) {
    const { data } = nativeUsage.safeParse(answer);
    return data ? usage(data.prompt_eval_count, data.eval_count) : null;
  }
  const { data } = openAiUsage.safeParse(answer);
  return data ? usage(data.usage.prompt_tokens, data.usage.completion_tokens) : null;
}

const usage = (input: number, output: number): object => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: input + output,
});

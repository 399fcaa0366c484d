import { badRequest } from './errors.ts';
import {
  anything,
  flag,
  list,
  metadata,
  never,
  number,
  object,
  only,
  type Rule,
  text,
  textOrList,
  whole,
} from './rules.ts';

const NO_STATE = 'The model server keeps no conversations: send the whole input each time.';
const NOT_KEPT = 'The model server (Ollama) has nothing like it.';

/** Everything that the official client's types know; what Ollama would drop in silence is refused. */
export const RESPONSES_RULES: Readonly<Record<string, Rule>> = {
  input: textOrList,
  instructions: text,
  background: flag,
  max_output_tokens: whole(1),
  metadata,
  temperature: number(0, 2),
  top_p: number(0, 1),
  tools: list(),
  text: (value, name) => {
    object(value, name);
    const { format, ...rest } = value as { format?: { type?: unknown } };
    const other = Object.keys(rest).find((key) => (rest as Record<string, unknown>)[key] !== null);
    if (other !== undefined) never(NOT_KEPT)((rest as Record<string, unknown>)[other], `text.${other}`);
    if (format !== undefined && format !== null) {
      object(format, 'text.format');
      only(['text', 'json_schema'], 'it is "text" or "json_schema".')(format.type, 'text.format.type');
    }
  },
  reasoning: (value, name) => {
    object(value, name);
    const { effort = null } = value as { effort?: unknown };
    only([null, 'none', 'low', 'medium', 'high', 'max'], 'it is "none", "low", "medium", "high" or "max".')(
      effort,
      'reasoning.effort',
    );
  },
  // What changes nothing in the answer.
  user: text,
  safety_identifier: text,
  prompt_cache_key: text,
  prompt_cache_retention: anything,
  prompt_cache_options: anything,
  // What can be had in one way only.
  store: only([true], 'a background response is stored until you delete it or its retention ends.'),
  stream: only([false], 'a queued response has no stream; leave it out, and poll GET /v1/responses/{id}.'),
  stream_options: never('A queued response has no stream.'),
  tool_choice: only(['auto'], `only "auto". ${NOT_KEPT}`),
  parallel_tool_calls: only([true], 'the model server decides this itself.'),
  truncation: only(['disabled', 'auto'], 'it is "disabled" or "auto".'),
  service_tier: only(['auto', 'default'], 'there is one tier.'),
  top_logprobs: only([0], NOT_KEPT),
  // What can't be had.
  previous_response_id: never(NO_STATE),
  conversation: never(NO_STATE),
  context_management: never(NO_STATE),
  prompt: never('There are no stored prompts: send instructions and input.'),
  include: never(NOT_KEPT),
  max_tool_calls: never(NOT_KEPT),
  moderation: never(NOT_KEPT),
  background_options: never(NOT_KEPT),
  access_programs: never(NOT_KEPT),
  image: never(NOT_KEPT),
};

const ITEM_TYPES = ['message', 'function_call', 'function_call_output', 'reasoning'];
const PART_TYPES = ['input_text', 'input_image', 'output_text'];

/** The input's items and their parts: what the model server has no reading for fails here, not in the background. */
export function items(input: unknown): void {
  if (!Array.isArray(input)) return;
  input.forEach((item: unknown, index) => {
    const at = `input[${index}]`;
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      throw badRequest(`Invalid value for '${at}': expected an object.`, at);
    }
    const { type, role, content } = item as { type?: unknown; role?: unknown; content?: unknown };
    oneOf(type ?? (role === undefined ? undefined : 'message'), ITEM_TYPES, `${at}.type`);
    if (!Array.isArray(content)) return;
    content.forEach((part: unknown, place) => {
      const { type: partType, file_id } = (part ?? {}) as { type?: unknown; file_id?: unknown };
      oneOf(partType, PART_TYPES, `${at}.content[${place}].type`);
      if (file_id !== undefined && file_id !== null)
        never('There are no uploaded files.')(file_id, `${at}.content[${place}].file_id`);
    });
  });
}

export function tools(given: unknown): void {
  if (!Array.isArray(given)) return;
  given.forEach((tool: unknown, index) => {
    oneOf((tool as { type?: unknown } | null)?.type, ['function'], `tools[${index}].type`);
  });
}

function oneOf(value: unknown, allowed: readonly string[], name: string): void {
  if (typeof value === 'string' && allowed.includes(value)) return;
  const shown = typeof value === 'string' ? `'${value.slice(0, 40)}'` : 'this';
  throw badRequest(
    `Unsupported value for '${name}': ${shown}. Supported: ${allowed.join(', ')}.`,
    name,
    'unsupported_value',
  );
}

import type { QueueablePath } from '../protocol/request.ts';
import { badRequest } from './errors.ts';
import { items, RESPONSES_RULES, tools } from './responses-parameters.ts';
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

export interface Endpoint {
  /** Rules by parameter. */
  rules: Readonly<Record<string, Rule>>;
  required: readonly string[];
  /** Whether parameters without a rule are refused, as OpenAI does, or left to the model server, as Ollama does. */
  strict: boolean;
  /** Checks that look at several parameters. */
  check?(body: Record<string, unknown>): void;
}

const notStreamed = only(
  [false],
  'a queued request has no stream; leave it out, and read the result when it is there.',
);

const chat: Endpoint = {
  required: ['messages'],
  strict: false,
  rules: {
    messages: list(1),
    stream: notStreamed,
    stream_options: never('A queued request has no stream.'),
    store: never('Results are kept until their retention ends, or until you delete them.'),
    n: only([1], 'the model server gives one choice.'),
    temperature: number(0, 2),
    top_p: number(0, 1),
    frequency_penalty: number(-2, 2),
    presence_penalty: number(-2, 2),
    max_tokens: whole(1),
    max_completion_tokens: whole(1),
    seed: whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    stop: textOrList,
    tools: list(),
    response_format: object,
    metadata,
  },
};

/** The rest is for the model server to judge. */
const options: Rule = (value, name) => {
  object(value, name);
  const limit = (value as { num_predict?: unknown }).num_predict ?? null;
  // Negative ones are Ollama's way to say nothing; 0 would be an answer without an end (`core/protocol/output-limit.ts`).
  if (limit === null || limit === -1 || limit === -2) return;
  if (Number.isInteger(limit) && (limit as number) >= 1) return;
  throw badRequest(
    `Invalid value for '${name}.num_predict': expected a whole number of at least 1, or -1 for an answer as long as the model makes it.`,
    `${name}.num_predict`,
  );
};

const native: Record<string, Rule> = {
  stream: notStreamed,
  options,
  format: anything,
  keep_alive: anything,
};

/** What each path takes. The model itself is checked where the fleets are known. */
const ENDPOINTS: Partial<Record<QueueablePath, Endpoint>> = {
  '/v1/responses': {
    required: ['input'],
    strict: true,
    rules: RESPONSES_RULES,
    check: (body) => {
      if (body.background !== true) {
        throw badRequest(
          'This gateway answers from a queue: set "background": true, then read the response with GET /v1/responses/{id} until its status is final.',
          'background',
          'unsupported_value',
        );
      }
      items(body.input);
      tools(body.tools);
    },
  },
  '/v1/chat/completions': chat,
  '/v1/embeddings': {
    required: ['input'],
    strict: false,
    rules: {
      input: textOrList,
      dimensions: whole(1),
      encoding_format: only(['float', 'base64'], 'it is "float" or "base64".'),
      user: text,
    },
  },
  '/api/generate': {
    required: [],
    strict: false,
    rules: { ...native, prompt: text, suffix: text, system: text, template: text, raw: flag, images: list() },
  },
  '/api/chat': {
    required: ['messages'],
    strict: false,
    rules: { ...native, messages: list(1), tools: list() },
  },
};

/** Undefined for a path that takes no submissions. */
export const endpointOf = (path: string): Endpoint | undefined =>
  Object.hasOwn(ENDPOINTS, path) ? ENDPOINTS[path as QueueablePath] : undefined;

/**
 * Checks a submission's parameters.
 * @throws ApiError 400 that names the parameter and says what to do
 */
export function checkParameters(endpoint: Endpoint, body: Record<string, unknown>): void {
  const { rules, required, strict } = endpoint;
  for (const [name, value] of Object.entries(body)) {
    if (name === 'model' || value === undefined || value === null) continue;
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule) rule(value, name);
    else if (strict) throw badRequest(`Unknown parameter: '${name}'.`, name, 'unknown_parameter');
  }
  for (const name of required) {
    if (body[name] === undefined || body[name] === null) {
      throw badRequest(`Missing required parameter: '${name}'.`, name, 'missing_required_parameter');
    }
  }
  endpoint.check?.(body);
}

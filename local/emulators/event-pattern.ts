import { AwsError } from '../front/types.ts';

/**
 * EventBridge event patterns: every field named by the pattern must match, each list of values is an "or".
 * An array in the event matches when one of its elements does.
 */

type Json = unknown;
type JsonObject = Record<string, unknown>;

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const invalid = (reason: string): AwsError =>
  new AwsError('InvalidEventPatternException', `Event pattern is not valid. Reason: ${reason}`);

/** Parses a pattern's JSON text and checks it; throws InvalidEventPatternException. */
export function parsePattern(text: string): JsonObject {
  let pattern: Json;
  try {
    pattern = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON');
  }
  if (!isObject(pattern)) throw invalid('it must be an object');
  checkFields(pattern);
  return pattern;
}

export function matchesPattern(pattern: JsonObject, event: Json): boolean {
  return Object.entries(pattern).every(([key, expected]) =>
    key === '$or'
      ? (expected as JsonObject[]).some((alternative) => matchesPattern(alternative, event))
      : matchesField(expected, isObject(event) && Object.hasOwn(event, key) ? event[key] : undefined),
  );
}

function matchesField(expected: Json, actual: Json): boolean {
  if (isObject(expected)) {
    const candidates = Array.isArray(actual) ? actual : [actual];
    return candidates.some((candidate) => matchesPattern(expected, candidate));
  }
  return (expected as Json[]).some((rule) => matchesRule(rule, actual));
}

function matchesRule(rule: Json, actual: Json): boolean {
  if (isObject(rule) && 'exists' in rule) return (actual !== undefined) === rule.exists;
  if (actual === undefined) return false;
  const values = Array.isArray(actual) ? actual : [actual];
  return values.some((value) => (isObject(rule) ? matchesOperator(rule, value) : value === rule));
}

function matchesOperator(rule: JsonObject, value: Json): boolean {
  const [name, operand] = Object.entries(rule)[0] as [string, Json];
  return (OPERATORS[name] as Operator).matches(operand, value);
}

interface Operator {
  check(operand: Json): boolean;
  matches(operand: Json, value: Json): boolean;
}

const isText = (value: Json): value is string => typeof value === 'string';
const ignoringCase = (operand: Json): string | undefined =>
  isObject(operand) && isText(operand['equals-ignore-case']) ? operand['equals-ignore-case'] : undefined;

/** `prefix` and `suffix` take a string, or `{ "equals-ignore-case": string }`. */
const edge = (test: (value: string, part: string) => boolean): Operator => ({
  check: (operand) => isText(operand) || ignoringCase(operand) !== undefined,
  matches: (operand, value) => {
    if (!isText(value)) return false;
    const insensitive = ignoringCase(operand);
    return insensitive === undefined
      ? test(value, operand as string)
      : test(value.toLowerCase(), insensitive.toLowerCase());
  },
});

const COMPARISONS: Record<string, (value: number, bound: number) => boolean> = {
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '=': (value, bound) => value === bound,
  '>=': (value, bound) => value >= bound,
  '>': (value, bound) => value > bound,
};

const pairs = (operand: Json): [string, number][] => {
  const list = operand as [string, number];
  return list.flatMap((_, index) =>
    index % 2 === 0 ? [list.slice(index, index + 2) as [string, number]] : [],
  );
};

const OPERATORS: Record<string, Operator> = {
  prefix: edge((value, part) => value.startsWith(part)),
  suffix: edge((value, part) => value.endsWith(part)),
  'equals-ignore-case': {
    check: isText,
    matches: (operand, value) => isText(value) && value.toLowerCase() === (operand as string).toLowerCase(),
  },
  wildcard: {
    check: isText,
    matches: (operand, value) => isText(value) && wildcard(operand as string).test(value),
  },
  exists: { check: (operand) => typeof operand === 'boolean', matches: () => false },
  numeric: {
    check: (operand) =>
      Array.isArray(operand) &&
      operand.length > 0 &&
      operand.length % 2 === 0 &&
      pairs(operand).every(([sign, bound]) => Object.hasOwn(COMPARISONS, sign) && typeof bound === 'number'),
    matches: (operand, value) =>
      typeof value === 'number' && pairs(operand).every(([sign, bound]) => COMPARISONS[sign]?.(value, bound)),
  },
  'anything-but': {
    check: (operand) => {
      if (!isObject(operand))
        return [operand].flat().every((value) => isText(value) || typeof value === 'number');
      const [name, inner] = Object.entries(operand)[0] ?? [];
      if (
        Object.keys(operand).length !== 1 ||
        !name ||
        !['prefix', 'suffix', 'equals-ignore-case', 'wildcard'].includes(name)
      )
        return false;
      return [inner].flat().every((value) => OPERATORS[name]?.check(value));
    },
    matches: (operand, value) => {
      if (!isObject(operand)) return ![operand].flat().includes(value as string);
      const [name, inner] = Object.entries(operand)[0] as [string, Json];
      return ![inner].flat().some((part) => OPERATORS[name]?.matches(part, value));
    },
  },
};

function wildcard(text: string): RegExp {
  const source = text
    .split(/(\\[\\*]|\*)/)
    .map((part) =>
      part === '*' ? '.*' : part.replace(/^\\([\\*])$/, '$1').replace(/[.+?^${}()|[\]\\*]/g, '\\$&'),
    )
    .join('');
  return new RegExp(`^${source}$`, 's');
}

function checkFields(pattern: JsonObject): void {
  if (Object.keys(pattern).length === 0) throw invalid('Empty objects are not allowed');
  for (const [key, expected] of Object.entries(pattern)) {
    if (key === '$or') {
      if (!Array.isArray(expected) || expected.length < 2 || !expected.every(isObject)) {
        throw invalid('"$or" must be an array of two or more objects');
      }
      expected.forEach(checkFields);
    } else if (isObject(expected)) {
      checkFields(expected);
    } else if (Array.isArray(expected) && expected.length > 0) {
      for (const rule of expected) checkRule(key, rule);
    } else {
      throw invalid(`"${key}" must be an object or a non-empty array`);
    }
  }
}

function checkRule(key: string, rule: Json): void {
  if (Array.isArray(rule)) throw invalid(`"${key}" has an array within its array`);
  if (!isObject(rule)) return;
  const [name, operand] = Object.entries(rule)[0] ?? [];
  if (!name || Object.keys(rule).length !== 1 || !Object.hasOwn(OPERATORS, name)) {
    throw invalid(
      `Unrecognized match type ${name ?? '(none)'} at "${key}"; locally there is ${Object.keys(OPERATORS).join(', ')}`,
    );
  }
  if (!OPERATORS[name]?.check(operand)) throw invalid(`The value of "${name}" at "${key}" does not fit`);
}

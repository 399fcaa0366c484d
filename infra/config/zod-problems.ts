import { closestMatch } from 'leven';
import { z } from 'zod';
import { type Problem, pathText } from './errors.ts';

type Issue = z.core.$ZodIssue;

/** What zod found, in words that say what to do. */
export const zodProblems = (schema: z.ZodType, issues: readonly Issue[], input: unknown): Problem[] =>
  issues.flatMap((issue) => problemsOf(schema, issue, input));

function problemsOf(schema: z.ZodType, issue: Issue, input: unknown): Problem[] {
  const path = pathText(issue.path);
  const value = valueAt(input, issue.path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysAt(schema, issue.path);
      return issue.keys.map((key) => ({
        path: pathText([...issue.path, key]),
        message: `unknown option "${key}"`,
        fix: unknownKeyFix(key, known),
      }));
    }
    case 'too_small':
    case 'too_big': {
      const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
      const { is, must, unit } = sizeOf(value);
      return [{ path, message: `${is}, must ${must} ${bound}`, fix: `Give ${bound}${unit}.` }];
    }
    case 'invalid_type': {
      if (value === undefined)
        return [{ path, message: 'is missing', fix: `State it: ${article(issue.expected)}.` }];
      return [{ path, message: `is ${kindOf(value)}`, fix: `Give ${article(issue.expected)}.` }];
    }
    case 'invalid_value': {
      const choices = issue.values.map((choice) => JSON.stringify(choice)).join(', ');
      const message = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`;
      return [{ path, message, fix: `Use one of ${choices}.` }];
    }
    case 'invalid_union': {
      const choices = issue.errors
        .flat()
        .flatMap((inner) => (inner.code === 'invalid_value' ? inner.values : []));
      return [{ path, message: `is ${JSON.stringify(value)}`, fix: `Use one of ${choices.join(', ')}.` }];
    }
    default:
      return [{ path, message: `${JSON.stringify(value)} is not valid`, fix: `${sentence(issue.message)}.` }];
  }
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function unknownKeyFix(key: string, known: string[]): string {
  const near = closestMatch(key, known, { maxDistance: Math.max(2, Math.ceil(key.length / 3)) });
  return near ? `Did you mean "${near}"?` : `Known options here: ${known.join(', ')}.`;
}

function sizeOf(value: unknown): { is: string; must: string; unit: string } {
  if (Array.isArray(value))
    return { is: `has ${value.length} ${value.length === 1 ? 'entry' : 'entries'}`, must: 'have', unit: '' };
  if (typeof value === 'string')
    return { is: `has ${value.length} characters`, must: 'have', unit: ' characters' };
  return { is: `is ${value}`, must: 'be', unit: '' };
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return typeof value === 'object' ? 'an object' : `${JSON.stringify(value)}, ${article(typeof value)}`;
}

const ARTICLES: Record<string, string> = {
  int: 'a whole number',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};
const article = (type: string): string => ARTICLES[type] ?? `a ${type}`;

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    input,
  );
}

/** Keys of the object schema that lies at a path of the input. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current: unknown = unwrap(schema);
  for (const key of path) {
    if (current instanceof z.ZodObject) current = unwrap(current.shape[String(key)]);
    else if (current instanceof z.ZodArray) current = unwrap(current.element);
    else return [];
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let current = schema;
  while (
    current instanceof z.ZodOptional ||
    current instanceof z.ZodDefault ||
    current instanceof z.ZodPrefault
  )
    current = current.unwrap();
  return current;
}

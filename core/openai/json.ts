import { badRequest } from './errors.ts';

/** Deeper nesting breaks recursive readers down the line; no schema of a tool comes near it. */
const MAX_DEPTH = 100;
const NUMBER = /-?\d[\d.eE+-]*/y;

interface Level {
  /** Undefined in an array. */
  keys: Set<string> | undefined;
  /** Whether the next string of an object is a key. */
  atKey: boolean;
}

/**
 * Parses a JSON object strictly: what two readers could understand in two ways is refused, so that what was
 * checked here is what the model server gets.
 *
 * @throws ApiError 400 for what is no JSON object, nested too deeply, has a key twice, a number that no double holds,
 * or a key `__proto__`
 */
export function parseStrictly(text: string): Record<string, unknown> {
  // First, because parsers recurse.
  scan(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest('The body is not valid JSON.', undefined, 'invalid_json');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest('The body must be a JSON object.', undefined, 'invalid_json');
  }
  return value as Record<string, unknown>;
}

/** Walks over the text once. Of text that is no JSON it only has to find an end: the parser judges it. */
function scan(text: string): void {
  const levels: Level[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const level = levels.at(-1);
    switch (text[at]) {
      case '{':
      case '[':
        if (levels.length >= MAX_DEPTH) {
          throw badRequest(
            `The body is nested more than ${MAX_DEPTH} levels deep.`,
            undefined,
            'invalid_json',
          );
        }
        levels.push({ keys: text[at] === '{' ? new Set() : undefined, atKey: true });
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
      case ':':
        if (level) level.atKey = text[at] === ',';
        break;
      case '"': {
        const end = endOfString(text, at);
        if (level?.keys && level.atKey) addKey(level.keys, text.slice(at, end + 1));
        at = end;
        break;
      }
      default:
        at = pastNumber(text, at);
    }
  }
}

/** Index of the closing quote; of text that has none, the end. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

/** The number's last character, if there is a number. */
function pastNumber(text: string, at: number): number {
  NUMBER.lastIndex = at;
  const number = NUMBER.exec(text)?.[0];
  if (number === undefined) return at;
  if (Math.abs(Number(number)) === Number.POSITIVE_INFINITY) {
    throw badRequest(`The number ${number.slice(0, 40)} is out of range.`, undefined, 'invalid_json');
  }
  return at + number.length - 1;
}

function addKey(keys: Set<string>, token: string): void {
  let key: string;
  try {
    key = JSON.parse(token) as string;
  } catch {
    // Not valid: the parser says so.
    return;
  }
  if (key === '__proto__') throw badRequest('The key "__proto__" is not allowed.', undefined, 'invalid_json');
  if (keys.has(key)) {
    throw badRequest(`The body has the key ${token.slice(0, 60)} twice.`, undefined, 'invalid_json');
  }
  keys.add(key);
}

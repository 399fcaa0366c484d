import { badRequest } from './errors.ts';

/** Checks one parameter; throws ApiError 400. `undefined` and `null` count as not given and are not checked. */
export type Rule = (value: unknown, name: string) => void;

const refuse = (name: string, expected: string): never => {
  throw badRequest(`Invalid value for '${name}': expected ${expected}.`, name);
};

export const anything: Rule = () => undefined;

export const number =
  (min: number, max: number): Rule =>
  (value, name) => {
    if (typeof value !== 'number' || value < min || value > max) {
      refuse(name, `a number between ${min} and ${max}`);
    }
  };

/** As far as 32 bits go: what the model server holds it in. */
export const whole =
  (min: number, max = 2_147_483_647): Rule =>
  (value, name) => {
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      refuse(name, `a whole number between ${min} and ${max}`);
    }
  };

export const text: Rule = (value, name) => {
  if (typeof value !== 'string') refuse(name, 'a string');
};

export const flag: Rule = (value, name) => {
  if (typeof value !== 'boolean') refuse(name, 'a boolean');
};

export const object: Rule = (value, name) => {
  if (typeof value !== 'object' || Array.isArray(value)) refuse(name, 'an object');
};

export const list =
  (min = 0): Rule =>
  (value, name) => {
    if (!Array.isArray(value) || value.length < min) {
      refuse(name, min > 0 ? 'an array that is not empty' : 'an array');
    }
  };

export const textOrList: Rule = (value, name) => {
  if (typeof value !== 'string' && !(Array.isArray(value) && value.length > 0)) {
    refuse(name, 'a string or an array that is not empty');
  }
};

/** Only these values can be honoured; `why` says what becomes of the others. */
export const only =
  (allowed: readonly unknown[], why: string): Rule =>
  (value, name) => {
    if (!allowed.includes(value)) {
      throw badRequest(`Unsupported value for '${name}': ${why}`, name, 'unsupported_value');
    }
  };

export const never =
  (why: string): Rule =>
  (value, name) => {
    // An empty list or `false` asks for nothing.
    if (value === false || (Array.isArray(value) && value.length === 0)) return;
    throw badRequest(`Unsupported parameter: '${name}'. ${why}`, name, 'unsupported_parameter');
  };

/** Up to 16 pairs of text, as OpenAI has it. */
export const metadata: Rule = (value, name) => {
  object(value, name);
  const pairs = Object.entries(value as object);
  if (pairs.length > 16) refuse(name, 'at most 16 pairs');
  for (const [key, entry] of pairs) {
    if (key.length > 64) refuse(name, 'keys of at most 64 characters');
    if (typeof entry !== 'string' || entry.length > 512)
      refuse(`${name}.${key}`, 'a string of at most 512 characters');
  }
};

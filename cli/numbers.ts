import { InvalidArgumentError } from 'commander';

function parse(text: string, isValid: (value: number) => boolean, expected: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || !isValid(value)) {
    throw new InvalidArgumentError(`Give ${expected}.`);
  }
  return value;
}

/** Parsers for commander's options; each throws InvalidArgumentError that says what is expected. */
export const wholeNumber = (minimum: number) => (text: string) =>
  parse(text, (v) => Number.isInteger(v) && v >= minimum, `a whole number of at least ${minimum}`);
export const atLeast = (minimum: number) => (text: string) =>
  parse(text, (v) => v >= minimum, `a number of at least ${minimum}`);
export const above = (bound: number) => (text: string) =>
  parse(text, (v) => v > bound, `a number above ${bound}`);

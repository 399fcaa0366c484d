import { below, TemplateError, type Where } from './errors.ts';

/** What intrinsic functions look up, within one stack. */
export interface Lookups {
  ref(name: string, where: Where): unknown;
  attribute(logicalId: string, attribute: string, where: Where): unknown;
  condition(name: string, where: Where): boolean;
  mapping(map: string): Record<string, Record<string, unknown>> | undefined;
  exported(name: string, where: Where): unknown;
  output(stack: string, output: string, where: Where): unknown;
  /** Value of an SSM parameter, for `{{resolve:ssm:…}}`. */
  ssm(name: string, where: Where): string;
  availabilityZones(region: string): string[];
}

/** `AWS::NoValue`: the property or list item that holds it disappears. */
export const NO_VALUE = Symbol('AWS::NoValue');

/** Resolves every intrinsic function below `node`. Throws TemplateError for one it doesn't know. */
export function evaluate(node: unknown, lookups: Lookups, where: Where): unknown {
  if (typeof node === 'string') return dynamicReferences(node, lookups, where);
  if (Array.isArray(node)) {
    return node
      .map((item, index) => evaluate(item, lookups, below(where, index)))
      .filter((item) => item !== NO_VALUE);
  }
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node);
  const [first] = entries;
  if (entries.length === 1 && first !== undefined && isIntrinsic(first[0])) {
    const [name, argument] = first;
    const intrinsic = INTRINSICS[name];
    if (intrinsic === undefined) throw new TemplateError(where, `the local runtime doesn't know ${name}`);
    return intrinsic(argument, lookups, below(where, name));
  }
  const resolved: Record<string, unknown> = {};
  for (const [key, value] of entries) {
    const result = evaluate(value, lookups, below(where, key));
    if (result !== NO_VALUE) resolved[key] = result;
  }
  return resolved;
}

/** Evaluates a condition (`Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not`, or the name of one). */
export function evaluateCondition(node: unknown, lookups: Lookups, where: Where): boolean {
  const entries = typeof node === 'object' && node !== null ? Object.entries(node) : [];
  const [name, argument] = entries[0] ?? [];
  const inner = name === undefined ? where : below(where, name);
  const each = () =>
    list(argument, inner).map((item, index) => evaluateCondition(item, lookups, below(inner, index)));
  switch (entries.length === 1 ? name : undefined) {
    case 'Condition':
      return lookups.condition(String(argument), inner);
    case 'Fn::Equals': {
      const [left, right] = list(evaluate(argument, lookups, inner), inner, 2);
      return String(left) === String(right);
    }
    case 'Fn::And':
      return each().every(Boolean);
    case 'Fn::Or':
      return each().some(Boolean);
    case 'Fn::Not':
      return !each()[0];
    default:
      throw new TemplateError(where, `not a condition that the local runtime knows: ${JSON.stringify(node)}`);
  }
}

type Intrinsic = (argument: unknown, lookups: Lookups, where: Where) => unknown;

const isIntrinsic = (key: string): boolean => key === 'Ref' || key.startsWith('Fn::');

const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  Ref: (argument, lookups, where) => lookups.ref(text(argument, where), where),

  'Fn::GetAtt': (argument, lookups, where) => {
    const [id, ...rest] = Array.isArray(argument) ? argument : text(argument, where).split('.');
    const attribute = Array.isArray(argument) ? rest[0] : rest.join('.');
    return lookups.attribute(text(id, where), text(evaluate(attribute, lookups, where), where), where);
  },

  'Fn::Join': (argument, lookups, where) => {
    const [delimiter, items] = list(argument, where, 2);
    return list(evaluate(items, lookups, where), where)
      .map((item) => scalar(item, where))
      .join(text(delimiter, where));
  },

  'Fn::Sub': (argument, lookups, where) => {
    const [template, variables] = Array.isArray(argument) ? argument : [argument, {}];
    const own = record(variables, where);
    return text(template, where).replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal !== '') return `\${${name}}`;
      const key = name.trim();
      if (key in own) return scalar(evaluate(own[key], lookups, below(where, key)), where);
      const dot = key.indexOf('.');
      const value =
        dot < 0 ? lookups.ref(key, where) : lookups.attribute(key.slice(0, dot), key.slice(dot + 1), where);
      return scalar(value, where);
    });
  },

  'Fn::Select': (argument, lookups, where) => {
    const [index, items] = list(evaluate(argument, lookups, where), where, 2);
    const values = list(items, where);
    const value = values[Number(index)];
    if (value === undefined)
      throw new TemplateError(where, `no item ${String(index)} in a list of ${values.length}`);
    return value;
  },

  'Fn::Split': (argument, lookups, where) => {
    const [delimiter, source] = list(argument, where, 2);
    return text(evaluate(source, lookups, where), where).split(text(delimiter, where));
  },

  'Fn::FindInMap': (argument, lookups, where) => {
    const [map, top, second, fallback] = list(evaluate(argument, lookups, where), where);
    const value = lookups.mapping(text(map, where))?.[scalar(top, where)]?.[scalar(second, where)];
    if (value !== undefined) return value;
    if (fallback !== undefined) return record(fallback, where).DefaultValue;
    throw new TemplateError(where, `no entry ${String(top)}.${String(second)} in mapping ${String(map)}`);
  },

  'Fn::If': (argument, lookups, where) => {
    const [condition, yes, no] = list(argument, where, 3);
    const chosen = lookups.condition(text(condition, where), where);
    return evaluate(chosen ? yes : no, lookups, below(where, chosen ? 1 : 2));
  },

  'Fn::ImportValue': (argument, lookups, where) =>
    lookups.exported(text(evaluate(argument, lookups, where), where), where),

  'Fn::GetStackOutput': (argument, lookups, where) => {
    const { StackName, OutputName } = record(evaluate(argument, lookups, where), where);
    return lookups.output(text(StackName, where), text(OutputName, where), where);
  },

  'Fn::GetAZs': (argument, lookups, where) =>
    lookups.availabilityZones(scalar(evaluate(argument, lookups, where), where)),

  'Fn::Base64': (argument, lookups, where) =>
    Buffer.from(text(evaluate(argument, lookups, where), where)).toString('base64'),
};

function dynamicReferences(value: string, lookups: Lookups, where: Where): string {
  if (!value.includes('{{resolve:')) return value;
  return value.replace(/\{\{resolve:([^:}]+):([^}]+)\}\}/g, (_, service: string, key: string) => {
    if (service !== 'ssm')
      throw new TemplateError(where, `the local runtime doesn't resolve ${service} references`);
    return lookups.ssm(key.replace(/:\d+$/, ''), where);
  });
}

function text(value: unknown, where: Where): string {
  if (typeof value !== 'string')
    throw new TemplateError(where, `expected text, got ${JSON.stringify(value)}`);
  return value;
}

function scalar(value: unknown, where: Where): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  throw new TemplateError(where, `expected text or a number, got ${JSON.stringify(value) ?? String(value)}`);
}

function list(value: unknown, where: Where, length?: number): unknown[] {
  if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
    const wanted = length === undefined ? 'a list' : `a list of ${length}`;
    throw new TemplateError(where, `expected ${wanted}, got ${JSON.stringify(value)}`);
  }
  return value;
}

function record(value: unknown, where: Where): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TemplateError(where, `expected an object, got ${JSON.stringify(value)}`);
  }
  return value as Record<string, unknown>;
}

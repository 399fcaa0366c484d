import type { Target } from '@aws-sdk/client-eventbridge';
import { AwsError } from '../front/types.ts';

/** An event as EventBridge delivers it. */
export interface Event {
  version: '0';
  id: string;
  'detail-type': string;
  source: string;
  account: string;
  time: string;
  region: string;
  resources: string[];
  detail: unknown;
}

export interface RuleIdentity {
  name: string;
  arn: string;
}

/** What a target receives of an event: all of it, a constant, a part, or a text made from parts. */
export function targetInput(target: Target, event: Event, rule: RuleIdentity, ingestionTime: string): string {
  if (target.Input !== undefined) return target.Input;
  if (target.InputPath !== undefined) return JSON.stringify(select(event, target.InputPath) ?? {});
  if (!target.InputTransformer) return JSON.stringify(event);
  const { InputPathsMap = {}, InputTemplate = '' } = target.InputTransformer;
  const values = new Map<string, unknown>([
    ['aws.events.rule-arn', rule.arn],
    ['aws.events.rule-name', rule.name],
    ['aws.events.event.ingestion-time', ingestionTime],
    ['aws.events.event', event],
    ['aws.events.event.json', event],
  ]);
  for (const [name, path] of Object.entries(InputPathsMap)) values.set(name, select(event, path));
  return fill(InputTemplate, values);
}

/** Throws ValidationException for what `targetInput` could not do. */
export function checkTarget(target: Target): void {
  const ways = [target.Input, target.InputPath, target.InputTransformer].filter((way) => way !== undefined);
  if (ways.length > 1) {
    throw new AwsError(
      'ValidationException',
      `Only one of Input, InputPath, or InputTransformer must be provided for target ${target.Id}.`,
    );
  }
  if (target.Input !== undefined && !isJson(target.Input)) {
    throw new AwsError('ValidationException', `JSON syntax error in input for target ${target.Id}.`);
  }
  const paths = [target.InputPath ?? [], Object.values(target.InputTransformer?.InputPathsMap ?? {})].flat();
  for (const path of paths) {
    if (!PATH.test(path))
      throw new AwsError('ValidationException', `Invalid path ${path} of target ${target.Id}.`);
  }
}

const PATH = /^\$(\.[\w-]+|\[\d+\]|\['[^']+'\])*$/;

function select(event: Event, path: string): unknown {
  let value: unknown = event;
  for (const [step] of path.matchAll(/[\w-]+|'[^']+'/g)) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[step.replaceAll("'", '')];
  }
  return value;
}

/**
 * Replaces `<name>`. Within a quoted string of a JSON template a value is inserted as text, elsewhere as JSON; a plain
 * template that is one quoted string stays a JSON string.
 */
function fill(template: string, values: Map<string, unknown>): string {
  let quoted = false;
  return template.replace(/\\.|"|<([^<>\s"]+)>/gs, (token, name: string | undefined) => {
    if (token === '"') quoted = !quoted;
    if (name === undefined || !values.has(name)) return token;
    const value = values.get(name);
    if (!quoted) return JSON.stringify(value ?? '');
    const text = typeof value === 'string' ? value : JSON.stringify(value ?? '');
    return JSON.stringify(text).slice(1, -1);
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

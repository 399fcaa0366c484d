import type { NormalizedSchema } from '@smithy/core/schema';
import { fromText } from './text.ts';

/** A form parameter `A.member.1.B=x` as a tree; a node may have a value of its own. */
interface Node {
  value?: string;
  children: Map<string, Node>;
}

/** Deeper names than any API has are refused: they only cost memory. */
const MAX_DEPTH = 32;

/** Parses the body of the AWS query protocol by the operation's schema; what the schema does not know is left out. */
export function readQuery(schema: NormalizedSchema, parameters: URLSearchParams): Record<string, unknown> {
  const root: Node = { children: new Map() };
  for (const [name, value] of parameters) {
    const path = name.split('.');
    if (path.length > MAX_DEPTH) throw new Error(`parameter name is nested too deeply`);
    let node = root;
    for (const part of path) {
      let child = node.children.get(part);
      if (!child) {
        child = { children: new Map() };
        node.children.set(part, child);
      }
      node = child;
    }
    node.value = value;
  }
  return (schema.isStructSchema() ? readStruct(schema, root) : {}) as Record<string, unknown>;
}

function readStruct(schema: NormalizedSchema, node: Node): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, member] of schema.structIterator()) {
    const child = node.children.get(member.getMergedTraits().xmlName ?? name);
    if (child) result[name] = readValue(member, child);
  }
  return result;
}

function readValue(schema: NormalizedSchema, node: Node): unknown {
  if (schema.isStructSchema()) return readStruct(schema, node);
  if (schema.isListSchema()) {
    const { xmlFlattened } = schema.getMergedTraits();
    const itemName = schema.getValueSchema().getMergedTraits().xmlName ?? 'member';
    const items = xmlFlattened ? node : (node.children.get(itemName) ?? { children: new Map() });
    return inOrder(items).map((item) => readValue(schema.getValueSchema(), item));
  }
  if (schema.isMapSchema()) {
    const entries = schema.getMergedTraits().xmlFlattened ? node : node.children.get('entry');
    return Object.fromEntries(
      (entries ? inOrder(entries) : []).map((entry) => [
        entry.children.get('key')?.value ?? '',
        readValue(schema.getValueSchema(), entry.children.get('value') ?? { children: new Map() }),
      ]),
    );
  }
  return fromText(schema, node.value ?? '', 'date-time');
}

const inOrder = (node: Node): Node[] =>
  [...node.children]
    .filter(([index]) => /^\d+$/.test(index))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, child]) => child);

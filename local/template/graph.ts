import type { Template } from './assembly.ts';
import { TemplateError } from './errors.ts';

/** Logical ids of one stack so that each comes after what it depends on (DependsOn, Ref, GetAtt, Sub). */
export function dependencyOrder(stack: string, template: Template): string[] {
  const ordered: string[] = [];
  const state = new Map<string, 'visiting' | 'done'>();
  const visit = (id: string, trail: readonly string[]) => {
    if (state.get(id) === 'done') return;
    if (state.get(id) === 'visiting') {
      throw new TemplateError(
        { stack, resource: id, path: [] },
        `depends on itself: ${[...trail, id].join(' → ')}`,
      );
    }
    const resource = template.Resources[id];
    if (resource === undefined) return;
    state.set(id, 'visiting');
    const dependencies = new Set(resource.DependsOn);
    collectReferences(resource.Properties, dependencies);
    for (const dependency of dependencies) visit(dependency, [...trail, id]);
    state.set(id, 'done');
    ordered.push(id);
  };
  for (const id of Object.keys(template.Resources)) visit(id, []);
  return ordered;
}

/** Adds what a node names by Ref, Fn::GetAtt or Fn::Sub: logical ids, and parameters, which the caller ignores. */
function collectReferences(node: unknown, found: Set<string>): void {
  if (Array.isArray(node)) {
    for (const item of node) collectReferences(item, found);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'Ref' && typeof value === 'string') found.add(value);
    else if (key === 'Fn::GetAtt')
      found.add(String(Array.isArray(value) ? value[0] : String(value).split('.')[0]));
    else if (key === 'Fn::Sub') collectSub(value, found);
    else collectReferences(value, found);
  }
}

function collectSub(value: unknown, found: Set<string>): void {
  const [text, variables] = Array.isArray(value) ? value : [value, {}];
  for (const [, name] of String(text).matchAll(/\$\{([^!}][^}]*)\}/g)) {
    const id = name?.trim().split('.')[0] ?? '';
    if (!(id in (variables as object))) found.add(id);
  }
  collectReferences(variables, found);
}

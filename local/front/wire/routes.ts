import { type OperationModel, pathParts, type Segment, type ServiceModel } from './model.ts';

export interface Route {
  operation: OperationModel;
  /** Path labels, decoded. */
  labels: Record<string, string>;
}

/**
 * The operation of a REST request; the most literal path wins. Undefined if there is none.
 * @throws URIError for a path that is not valid percent-encoding
 */
export function route(
  model: ServiceModel,
  method: string,
  path: string,
  query: URLSearchParams,
): Route | undefined {
  const parts = pathParts(path);
  let best: (Route & { score: number }) | undefined;
  for (const operation of model.operations.values()) {
    const http = operation.http;
    if (!http || http.method !== method) continue;
    if (!http.query.every(([name, value]) => query.get(name) === value)) continue;
    const labels = match(http.segments, parts);
    if (!labels) continue;
    const score = http.segments.filter((segment) => 'literal' in segment).length + http.query.length;
    if (!best || score > best.score) best = { operation, labels, score };
  }
  return best;
}

function match(segments: readonly Segment[], parts: readonly string[]): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const part = parts[index];
    if (part === undefined) return undefined;
    if ('literal' in segment) {
      if (segment.literal !== part) return undefined;
    } else if (segment.greedy) {
      labels[segment.label] = parts.slice(index).map(decodeURIComponent).join('/');
      return labels;
    } else {
      if (part === '') return undefined;
      labels[segment.label] = decodeURIComponent(part);
    }
  }
  return segments.length === parts.length ? labels : undefined;
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { BuildError, goOutput } from '../../local/build/go.ts';
import type { Manifest } from '../../local/template/manifests.ts';

interface Definition {
  type?: string | string[];
  properties?: object;
  additionalProperties?: unknown;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}

const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

/**
 * Checks objects against the OpenAPI document of a released Kubernetes, which comes with its Go module. Unknown fields are
 * errors, as in strict field validation.
 *
 * @param version such as `v1.33.13`
 * @returns a function that returns what is wrong with an object; nothing: `[]`
 */
export async function schemaCheck(version: string): Promise<(manifest: Manifest) => string[]> {
  const { definitions } = await openApi(version);
  for (const definition of Object.values(definitions))
    if (definition.properties) definition.additionalProperties ??= false;
  (definitions[INT_OR_STRING] as Definition).type = ['integer', 'string'];
  const kinds = new Map(
    Object.entries(definitions).flatMap(([name, definition]) =>
      (definition['x-kubernetes-group-version-kind'] ?? []).map(({ group, version, kind }) => [
        `${group === '' ? '' : `${group}/`}${version} ${kind}`,
        name,
      ]),
    ),
  );
  // Formats say how Go holds a value; keywords of Kubernetes' own are for its tools.
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: 'kubernetes', definitions });
  return (manifest) => {
    const name = kinds.get(`${manifest.apiVersion} ${manifest.kind}`);
    if (name === undefined) return [`Kubernetes ${version} knows no ${manifest.apiVersion} ${manifest.kind}`];
    const validate = ajv.getSchema(`kubernetes#/definitions/${name}`);
    if (validate?.(manifest)) return [];
    return (validate?.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

async function openApi(version: string): Promise<{ definitions: Record<string, Definition> }> {
  const folder = mkdtempSync(join(tmpdir(), 'paddock-openapi-'));
  try {
    const args = ['mod', 'download', '-json', `k8s.io/kubernetes@${version}`];
    const explain = (stderr: string) => new BuildError(`Downloading Kubernetes ${version} failed: ${stderr}`);
    const { Dir } = JSON.parse(await goOutput(args, folder, explain)) as { Dir: string };
    return JSON.parse(readFileSync(join(Dir, 'api', 'openapi-spec', 'swagger.json'), 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

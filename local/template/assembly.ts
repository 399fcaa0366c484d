import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** A CDK cloud assembly as it lies on disk: templates per stack, and file assets by object key. */
export interface Assembly {
  readonly directory: string;
  /** In dependency order: a stack comes after those it refers to. */
  readonly stacks: readonly StackTemplate[];
  /** Object key as templates spell it (`Code.S3Key`) → where the asset lies. */
  readonly assets: ReadonlyMap<string, Asset>;
}

export interface StackTemplate {
  readonly name: string;
  readonly template: Template;
}

export interface Asset {
  /** Absolute path: a directory, or a file (which may itself be a zip). */
  readonly path: string;
  /** `zip`: AWS gets the directory zipped; here it is the directory itself. */
  readonly packaging: 'zip' | 'file';
}

const resourceSchema = z.looseObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DependsOn: z.union([z.string().transform((one) => [one]), z.array(z.string())]).default([]),
  Condition: z.string().optional(),
});

const templateSchema = z.looseObject({
  Parameters: z
    .record(
      z.string(),
      z.looseObject({ Type: z.string(), Default: z.union([z.string(), z.number()]).optional() }),
    )
    .default({}),
  Mappings: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown()))).default({}),
  Conditions: z.record(z.string(), z.unknown()).default({}),
  Resources: z.record(z.string(), resourceSchema),
  Outputs: z
    .record(
      z.string(),
      z.looseObject({ Value: z.unknown(), Export: z.object({ Name: z.unknown() }).optional() }),
    )
    .default({}),
});

export type Template = z.infer<typeof templateSchema>;

const artifactSchema = z.looseObject({
  type: z.string(),
  dependencies: z.array(z.string()).default([]),
  properties: z
    .looseObject({
      templateFile: z.string().optional(),
      stackName: z.string().optional(),
      file: z.string().optional(),
    })
    .default({}),
});
type Artifact = z.infer<typeof artifactSchema>;

const manifestSchema = z.looseObject({ artifacts: z.record(z.string(), artifactSchema) });

const assetManifestSchema = z.looseObject({
  files: z
    .record(
      z.string(),
      z.looseObject({
        source: z.looseObject({
          path: z.string().optional(),
          packaging: z.enum(['zip', 'file']).default('file'),
        }),
        destinations: z.record(z.string(), z.looseObject({ objectKey: z.string() })),
      }),
    )
    .default({}),
});

/**
 * Reads a cloud assembly: a `cdk.out` directory, or what `App.synth()` returned.
 * Throws when there is none, or when it holds what the local runtime doesn't read (stages, nested stacks).
 */
export function readAssembly(source: string | { readonly directory: string }): Assembly {
  const directory = typeof source === 'string' ? source : source.directory;
  const manifestFile = join(directory, 'manifest.json');
  if (!existsSync(manifestFile)) {
    throw new Error(`No cloud assembly in ${directory} (no manifest.json): run \`npx cdk synth\` first`);
  }
  const { artifacts } = parseFile(manifestFile, manifestSchema);
  const stacks = stackOrder(artifacts).map(([id, artifact]) => readStack(directory, id, artifact));
  if (stacks.length === 0) throw new Error(`The cloud assembly in ${directory} holds no stack`);
  return { directory, stacks, assets: readAssets(directory, artifacts) };
}

function readStack(directory: string, id: string, artifact: Artifact): StackTemplate {
  const name = artifact.properties.stackName ?? id;
  const template = parseFile(
    join(directory, artifact.properties.templateFile ?? `${id}.template.json`),
    templateSchema,
  );
  for (const [logicalId, resource] of Object.entries(template.Resources)) {
    if (resource.Type === 'AWS::CloudFormation::Stack') {
      throw new Error(
        `Stack ${name} nests a stack (${logicalId}): the local runtime reads plain stacks only`,
      );
    }
  }
  return { name, template };
}

function readAssets(directory: string, artifacts: Record<string, Artifact>): Map<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const artifact of Object.values(artifacts)) {
    if (artifact.type !== 'cdk:asset-manifest' || artifact.properties.file === undefined) continue;
    const { files } = parseFile(join(directory, artifact.properties.file), assetManifestSchema);
    for (const { source, destinations } of Object.values(files)) {
      if (source.path === undefined) continue;
      const asset = { path: join(directory, source.path), packaging: source.packaging };
      for (const { objectKey } of Object.values(destinations)) assets.set(objectKey, asset);
    }
  }
  return assets;
}

function stackOrder(artifacts: Record<string, Artifact>): [string, Artifact][] {
  const ordered = new Map<string, Artifact>();
  const visit = (id: string) => {
    const artifact = artifacts[id];
    if (artifact === undefined || ordered.has(id)) return;
    if (artifact.type === 'cdk:cloud-assembly') {
      throw new Error(`The assembly holds a stage (${id}): the local runtime reads plain stacks only`);
    }
    if (artifact.type !== 'aws:cloudformation:stack') return;
    for (const dependency of artifact.dependencies) visit(dependency);
    ordered.set(id, artifact);
  };
  for (const id of Object.keys(artifacts)) visit(id);
  return [...ordered];
}

function parseFile<T>(file: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw new Error(`${file} is not what CDK writes:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

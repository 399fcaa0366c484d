import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadOptions, loadTemplates, type ResolvedApp } from '../../../local/template/load.ts';

export const ENVIRONMENT = {
  accountId: '123456789012',
  region: 'eu-west-1',
  frontUrl: 'http://127.0.0.1:4566',
  clusterEndpoint: 'https://127.0.0.1:6443',
  clusterCa: 'Q0E=',
};

/** A folder of this test file's own, removed when its tests are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'paddock-template-'));
  folders.push(folder);
  return folder;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Writes templates as a cloud assembly, as CDK lays one out; returns its directory. */
export function assemblyOf(stacks: Record<string, object>): string {
  const directory = temporaryFolder();
  const artifacts: Record<string, object> = {};
  for (const [name, template] of Object.entries(stacks)) {
    writeFileSync(join(directory, `${name}.template.json`), JSON.stringify({ Resources: {}, ...template }));
    artifacts[name] = {
      type: 'aws:cloudformation:stack',
      properties: { templateFile: `${name}.template.json` },
    };
  }
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ version: '55.0.0', artifacts }));
  return directory;
}

export const load = (stacks: Record<string, object>, options: Partial<LoadOptions> = {}): ResolvedApp =>
  loadTemplates({ assembly: assemblyOf(stacks), ...ENVIRONMENT, ...options });

/** Resolves one value in a stack `App` with some company. */
export function resolved(value: unknown, template: object = {}, options: Partial<LoadOptions> = {}): unknown {
  const { Resources, ...rest } = template as { Resources?: object };
  const app = load(
    { App: { Resources: { ...Resources, Probe: { Type: 'Test::Probe', Properties: { value } } }, ...rest } },
    options,
  );
  return app.resources.find(({ logicalId }) => logicalId === 'Probe')?.properties.value;
}

import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { repositoryPath } from '../../infra/paths.ts';

const run = promisify(execFile);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'paddock-synth-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** As on a machine that knows no AWS account: no variables, and a home without a configuration. */
const synth = (env: NodeJS.ProcessEnv = {}) => {
  const out = join(folder, 'cdk.out');
  return run(
    process.execPath,
    [repositoryPath('node_modules/aws-cdk/bin/cdk'), 'synth', '--quiet', '--output', out],
    {
      cwd: repositoryPath(),
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        AWS_EC2_METADATA_DISABLED: 'true',
        CDK_DISABLE_CLI_TELEMETRY: 'true',
        ...env,
      },
    },
  );
};

it('cdk synth needs no account, and neither CloudFormation nor cdk-nag has anything to say', async () => {
  const { stdout, stderr } = await synth();

  expect(
    readdirSync(join(folder, 'cdk.out'))
      .filter((name) => name.endsWith('.template.json'))
      .toSorted(),
  ).toEqual([
    'PaddockCluster.template.json',
    'PaddockControlPlane.template.json',
    'PaddockMonitoring.template.json',
    'PaddockState.template.json',
  ]);
  expect(`${stdout}${stderr}`).not.toMatch(/ERROR|WARNING|warning|deprecated/);
}, 300_000);

it('a configuration that can not be is refused with what to do, and nothing else', async () => {
  const file = join(folder, 'paddock.config.ts');
  const { href } = pathToFileURL(repositoryPath('infra/config/index.ts'));
  writeFileSync(
    file,
    `import { defineConfig } from '${href}';\nexport default defineConfig({ region: 'us-east-1', fleets: [] });\n`,
  );

  const { stderr } = await synth({ PADDOCK_CONFIG: file }).catch((error: { stderr: string }) => error);

  expect(stderr).toMatch(/^The configuration has 1 problem:\n {2}fleets: .*\n {4}fix: .*$/m);
  expect(stderr).not.toMatch(/^\s+at /m);
}, 300_000);

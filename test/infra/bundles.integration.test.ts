import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildApp, CONTROL_PLANE_STACK } from '../../infra/app.ts';
import config from '../../paddock.config.ts';
import { one, type Template } from './templates.ts';

const run = promisify(execFile);

/** Bundles at most, bytes: a cold start reads, parses and runs all of it. Raise one only with a reason. */
const BUDGETS = {
  gateway: 1_000_000,
  // It reads what the scaler reads, and CloudWatch.
  healthcheck: 3_400_000,
  scaler: 3_100_000,
  upgrade: 3_100_000,
  warmup: 2_800_000,
  worker: 2_550_000,
};

let outdir: string;
let template: Template;

beforeAll(() => {
  outdir = mkdtempSync(join(tmpdir(), 'paddock-bundles-'));
  template = buildApp(config, { outdir }).synth().getStackByName(CONTROL_PLANE_STACK).template as Template;
});

afterAll(() => rmSync(outdir, { recursive: true, force: true }));

/** The file that AWS, and the local runtime, would run. */
function bundleOf(name: keyof typeof BUDGETS): string {
  if (name === 'worker') return join(outdir, `asset.${template.Outputs.WorkerBundleKey?.Value}`);
  const { Code } = one(template, 'AWS::Lambda::Function', { FunctionName: `paddock-${name}` })[1].Properties;
  return join(outdir, `asset.${Code.S3Key.replace('.zip', '')}`, 'index.mjs');
}

describe('bundles', () => {
  it.each(Object.entries(BUDGETS))('%s fits %i bytes', (name, budget) => {
    const { size } = statSync(bundleOf(name as keyof typeof BUDGETS));

    expect(size).toBeGreaterThan(10_000);
    expect(size).toBeLessThan(budget);
  });

  it.each(['gateway', 'healthcheck', 'scaler', 'upgrade', 'warmup'] as const)(
    '%s loads by itself and exports its handler',
    async (name) => {
      const script = `const { handler } = await import(${JSON.stringify(bundleOf(name))}); console.log(typeof handler);`;

      const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], {
        cwd: outdir,
        env: {},
      });

      expect(stdout.trim()).toBe('function');
    },
  );

  it('gateway is without the Kubernetes client', () => {
    expect(readFileSync(bundleOf('gateway'), 'utf8')).not.toMatch(/KUBERNETES_SERVICE_HOST|KubeConfig/);
  });

  it('worker starts by itself, and says what its environment lacks', async () => {
    const started = run(process.execPath, [bundleOf('worker')], { cwd: outdir, env: {} });

    await expect(started).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('PADDOCK_QUEUE_URL'),
    });
  });
});

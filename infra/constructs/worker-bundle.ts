import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { buildSync } from 'esbuild';
import { REQUIRE_BANNER } from '../bundling.ts';
import { repositoryPath } from '../paths.ts';

/** The worker as one file in the asset bucket, from where each pod fetches it (docs/adr/0002-worker-bundle.md). */
export class WorkerBundle extends Construct {
  readonly bucket: string;
  readonly key: string;
  /** Of the file's content, hexadecimal. */
  readonly sha256: string;
  /** Of the one object. */
  readonly objectArn: string;

  /** @param bundle false puts a placeholder in its place, for tests that only look at the template */
  constructor(scope: Construct, id: string, { bundle }: { bundle: boolean }) {
    super(scope, id);
    const folder = mkdtempSync(join(tmpdir(), 'paddock-worker-'));
    try {
      const file = join(folder, 'worker.mjs');
      if (bundle) bundleWorker(file);
      else writeFileSync(file, '// not bundled\n');
      // The asset copies the file into the assembly at once.
      const asset = new Asset(this, 'File', { path: file });
      this.sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
      this.bucket = asset.s3BucketName;
      this.key = asset.s3ObjectKey;
      this.objectArn = asset.bucket.arnForObjects(asset.s3ObjectKey);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

function bundleWorker(outfile: string): void {
  const entry = repositoryPath('worker', 'main.ts');
  if (!existsSync(entry)) throw new Error(`The worker's entry is missing: ${entry}`);
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: REQUIRE_BANNER },
    logLevel: 'warning',
  });
}

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { bundle, withTemporaryFolder } from '../bundling.ts';
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
  constructor(scope: Construct, id: string, { bundle: withCode }: { bundle: boolean }) {
    super(scope, id);
    const { asset, sha256 } = withTemporaryFolder((folder) => {
      const file = join(folder, 'worker.mjs');
      if (withCode) bundle(repositoryPath('worker', 'main.ts'), file);
      else writeFileSync(file, '// not bundled\n');
      const content = createHash('sha256').update(readFileSync(file));
      return { asset: new Asset(this, 'File', { path: file }), sha256: content.digest('hex') };
    });
    this.sha256 = sha256;
    this.bucket = asset.s3BucketName;
    this.key = asset.s3ObjectKey;
    this.objectArn = asset.bucket.arnForObjects(asset.s3ObjectKey);
  }
}

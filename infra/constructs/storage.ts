import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acceptFindings } from './findings.ts';

/** What becomes of what is stored when the stack goes. */
const removalPolicy = (retain: boolean): RemovalPolicy =>
  retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;

/** The scaler's memory, its lease and its plans (docs/architecture.md). */
export function createTable(scope: Construct, { retain }: { retain: boolean }): Table {
  const table = new Table(scope, 'Table', {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    timeToLiveAttribute: 'expiresAt',
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    removalPolicy: removalPolicy(retain),
  });
  acceptFindings(table, {
    CKV_AWS_119:
      "DynamoDB encrypts with AWS's own key; the table holds plans and figures, no requests and no answers.",
  });
  return table;
}

const NO_ACCESS_LOG =
  'Only roles of this stack may read it; who must know of each read turns on CloudTrail data events, which AWS recommends over access logs.';

/** Encrypted, by TLS only, for nobody from outside. */
const closedBucket = (retain: boolean) => ({
  encryption: BucketEncryption.S3_MANAGED,
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  enforceSSL: true,
  removalPolicy: removalPolicy(retain),
  // A bucket with objects in it can't be deleted.
  autoDeleteObjects: !retain,
});

/** Models as every new pod reads them, and what is ordered about them (docs/models.md). Nothing in it expires. */
export function createModelsBucket(scope: Construct, { retain }: { retain: boolean }): IBucket {
  const bucket = new Bucket(scope, 'Models', {
    ...closedBucket(retain),
    lifecycleRules: [
      // Long enough to go on with an upload after a weekend.
      { id: 'abandoned-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
    ],
  });
  acceptFindings(bucket, {
    'AwsSolutions-S1': NO_ACCESS_LOG,
    CKV_AWS_18: NO_ACCESS_LOG,
    CKV_AWS_21:
      'Blobs are named by their content and can be mirrored again; versions would keep gigabytes that were meant to be gone.',
  });
  return bucket as IBucket;
}

/** One object per answered request, kept for the configured days. */
export function createResultsBucket(
  scope: Construct,
  { retentionDays, retain }: { retentionDays: number; retain: boolean },
): IBucket {
  const bucket = new Bucket(scope, 'Results', {
    ...closedBucket(retain),
    lifecycleRules: [
      {
        id: 'expire-results',
        expiration: Duration.days(retentionDays),
        abortIncompleteMultipartUploadAfter: Duration.days(1),
      },
    ],
  });
  acceptFindings(bucket, {
    'AwsSolutions-S1': NO_ACCESS_LOG,
    CKV_AWS_18: NO_ACCESS_LOG,
    CKV_AWS_21:
      'A result is written once and expires: versions would keep answers that were meant to be gone.',
  });
  return bucket as IBucket;
}

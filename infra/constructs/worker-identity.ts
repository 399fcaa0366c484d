import { CfnPodIdentityAssociation, type ICluster } from 'aws-cdk-lib/aws-eks-v2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  MIRROR_BLOBS_PREFIX,
  MIRROR_MANIFESTS_PREFIX,
  modelOrdersKey,
  modelReportKey,
} from '../../core/protocol/models.ts';
import { NAMESPACE, requestBodyKey, resultKey, statusKey } from '../../core/protocol/names.ts';
import { serviceAccountName } from '../../workloads/index.ts';
import { grant, PatternStatement } from './findings.ts';
import type { WorkerBundle } from './worker-bundle.ts';

export interface WorkerIdentityProps {
  readonly fleet: string;
  readonly cluster: ICluster;
  readonly queue: IQueue;
  readonly deadLetters: IQueue;
  readonly results: IBucket;
  readonly models: IBucket;
  readonly bundle: WorkerBundle;
}

/**
 * The AWS role of a fleet's pods: serve its queue, give up what can't be answered, write results, fetch models and the
 * worker's code.
 */
export class WorkerIdentity extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WorkerIdentityProps) {
    super(scope, id);
    const { fleet, cluster, queue, deadLetters, results, models, bundle } = props;
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('pods.eks.amazonaws.com').withSessionTags(),
      description: `Worker of fleet ${fleet}`,
    });
    const allow = (actions: string[], resource: string) =>
      this.role.addToPolicy(new PolicyStatement({ actions, resources: [resource] }));
    allow(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'], queue.queueArn);
    allow(['sqs:SendMessage'], deadLetters.queueArn);
    const own = (actions: string[], key: (fleet: string, id: string) => string) =>
      grant(
        this.role,
        new PatternStatement({
          actions,
          resources: [results.arnForObjects(key(fleet, '*'))],
          reason: "One object per request, named by the request: all of the fleet's own, none of another's.",
        }),
      );
    own(['s3:GetObject', 's3:PutObject'], resultKey);
    own(['s3:GetObject', 's3:PutObject'], statusKey);
    own(['s3:GetObject'], requestBodyKey);
    own(['s3:PutObject'], modelReportKey);
    grant(
      this.role,
      new PatternStatement({
        actions: ['s3:GetObject'],
        resources: [MIRROR_MANIFESTS_PREFIX, MIRROR_BLOBS_PREFIX].map((prefix) =>
          models.arnForObjects(`${prefix}*`),
        ),
        reason: 'Which models a fleet serves changes without a deployment, and models share blobs.',
      }),
    );
    allow(['s3:GetObject'], models.arnForObjects(modelOrdersKey(fleet)));
    // Without it S3 answers 403 instead of 404 for what is not there: a result, a model that is not mirrored.
    for (const bucket of [results, models]) allow(['s3:ListBucket'], bucket.bucketArn);
    allow(['s3:GetObject'], bundle.objectArn);
    new CfnPodIdentityAssociation(this, 'Association', {
      clusterName: cluster.clusterName,
      namespace: NAMESPACE,
      serviceAccount: serviceAccountName(fleet),
      roleArn: this.role.roleArn,
    });
  }
}

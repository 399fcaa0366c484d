import { CfnPodIdentityAssociation, type ICluster } from 'aws-cdk-lib/aws-eks-v2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
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
  readonly bundle: WorkerBundle;
}

/** The AWS role of a fleet's pods: serve its queue, give up what can't be answered, write results, fetch the worker's code. */
export class WorkerIdentity extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WorkerIdentityProps) {
    super(scope, id);
    const { fleet, cluster, queue, deadLetters, results, bundle } = props;
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
    // Without it S3 answers 403 instead of 404 for a result that is not there yet.
    allow(['s3:ListBucket'], results.bucketArn);
    allow(['s3:GetObject'], bundle.objectArn);
    new CfnPodIdentityAssociation(this, 'Association', {
      clusterName: cluster.clusterName,
      namespace: NAMESPACE,
      serviceAccount: serviceAccountName(fleet),
      roleArn: this.role.roleArn,
    });
  }
}

import { CfnPodIdentityAssociation, type ICluster } from 'aws-cdk-lib/aws-eks-v2';
import {
  type IManagedPolicy,
  PolicyDocument,
  type PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

export interface PodRoleProps {
  readonly cluster: ICluster;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly description: string;
  readonly statements?: PolicyStatement[];
  readonly managedPolicies?: IManagedPolicy[];
}

/** A role for the pods of a service account. What runs those pods comes after it: credentials reach only new pods. */
export class PodRole extends Construct {
  constructor(scope: Construct, id: string, props: PodRoleProps) {
    super(scope, id);
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('pods.eks.amazonaws.com').withSessionTags(),
      description: props.description,
      ...(props.managedPolicies && { managedPolicies: props.managedPolicies }),
      ...(props.statements && {
        inlinePolicies: { Allowed: new PolicyDocument({ statements: props.statements }) },
      }),
    });
    new CfnPodIdentityAssociation(this, 'Association', {
      clusterName: props.cluster.clusterName,
      namespace: props.namespace,
      serviceAccount: props.serviceAccount,
      roleArn: role.roleArn,
    });
  }
}

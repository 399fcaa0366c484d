import { CfnPodIdentityAssociation, type ICluster } from 'aws-cdk-lib/aws-eks-v2';
import {
  type IManagedPolicy,
  PolicyDocument,
  type PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acceptManagedPolicies, acceptPatterns } from './findings.ts';

export interface PodRoleProps {
  readonly cluster: ICluster;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly description: string;
  readonly statements?: PolicyStatement[];
  /** Policies of AWS's own, and why one rather than statements of ours. */
  readonly managed?: { readonly policies: IManagedPolicy[]; readonly reason: string };
}

/** A role for the pods of a service account. What runs those pods comes after it: credentials reach only new pods. */
export class PodRole extends Construct {
  constructor(scope: Construct, id: string, props: PodRoleProps) {
    super(scope, id);
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('pods.eks.amazonaws.com').withSessionTags(),
      description: props.description,
      ...(props.managed && { managedPolicies: props.managed.policies }),
      ...(props.statements && {
        inlinePolicies: { Allowed: new PolicyDocument({ statements: props.statements }) },
      }),
    });
    acceptPatterns(role, props.statements ?? []);
    if (props.managed) acceptManagedPolicies(role, props.managed.reason);
    new CfnPodIdentityAssociation(this, 'Association', {
      clusterName: props.cluster.clusterName,
      namespace: props.namespace,
      serviceAccount: props.serviceAccount,
      roleArn: role.roleArn,
    });
  }
}

import { z } from 'zod';
import { boolean, labels, names, number } from './shapes-base.ts';

export const cluster = z
  .looseObject({
    Version: z.string().optional(),
    RoleArn: z.string(),
    AccessConfig: z.looseObject({ AuthenticationMode: z.string().optional() }).optional(),
  })
  .transform((p) => ({
    version: p.Version,
    roleArn: p.RoleArn,
    authenticationMode: p.AccessConfig?.AuthenticationMode,
  }));

export const nodegroup = z
  .looseObject({
    ClusterName: z.string(),
    NodeRole: z.string(),
    Subnets: names,
    CapacityType: z.enum(['ON_DEMAND', 'SPOT']).default('ON_DEMAND'),
    InstanceTypes: names.default(['t3.medium']),
    AmiType: z.string().optional(),
    Version: z.string().optional(),
    ReleaseVersion: z.string().optional(),
    ForceUpdateEnabled: boolean.default(false),
    Labels: labels.default({}),
    Tags: labels.default({}),
    Taints: z
      .array(
        z.looseObject({
          Key: z.string(),
          Value: z.string().optional(),
          Effect: z.enum(['NO_SCHEDULE', 'NO_EXECUTE', 'PREFER_NO_SCHEDULE']),
        }),
      )
      .default([]),
    UpdateConfig: z.looseObject({ MaxUnavailable: number.optional() }).optional(),
    ScalingConfig: z
      .looseObject({ MinSize: number, MaxSize: number, DesiredSize: number.optional() })
      .optional(),
  })
  .transform((p) => ({
    clusterName: p.ClusterName,
    nodeRoleArn: p.NodeRole,
    subnets: p.Subnets,
    capacityType: p.CapacityType,
    instanceTypes: p.InstanceTypes,
    amiType: p.AmiType,
    version: p.Version,
    releaseVersion: p.ReleaseVersion,
    forceUpdate: p.ForceUpdateEnabled,
    labels: p.Labels,
    tags: p.Tags,
    taints: p.Taints.map(({ Key, Value, Effect }) => ({ key: Key, value: Value ?? '', effect: Effect })),
    maxUnavailable: p.UpdateConfig?.MaxUnavailable,
    // EKS's own defaults when a template has no scaling configuration.
    minSize: p.ScalingConfig?.MinSize ?? 1,
    maxSize: p.ScalingConfig?.MaxSize ?? 2,
    /** Undefined: the template leaves it to EKS, which starts at the minimum. */
    desiredSize: p.ScalingConfig === undefined ? 2 : p.ScalingConfig.DesiredSize,
  }));

export const accessEntry = z
  .looseObject({
    ClusterName: z.string(),
    PrincipalArn: z.string(),
    KubernetesGroups: names.default([]),
    Username: z.string().optional(),
    Type: z.string().default('STANDARD'),
    AccessPolicies: z
      .array(
        z.looseObject({
          PolicyArn: z.string(),
          AccessScope: z.looseObject({
            Type: z.enum(['cluster', 'namespace']),
            Namespaces: names.default([]),
          }),
        }),
      )
      .default([]),
  })
  .transform((p) => ({
    clusterName: p.ClusterName,
    principalArn: p.PrincipalArn,
    kubernetesGroups: p.KubernetesGroups,
    username: p.Username,
    type: p.Type,
    accessPolicies: p.AccessPolicies.map(({ PolicyArn, AccessScope }) => ({
      policyArn: PolicyArn,
      scope: AccessScope.Type,
      namespaces: AccessScope.Namespaces,
    })),
  }));

export const podIdentity = z
  .looseObject({
    ClusterName: z.string(),
    Namespace: z.string(),
    ServiceAccount: z.string(),
    RoleArn: z.string(),
  })
  .transform((p) => ({
    clusterName: p.ClusterName,
    namespace: p.Namespace,
    serviceAccount: p.ServiceAccount,
    roleArn: p.RoleArn,
  }));

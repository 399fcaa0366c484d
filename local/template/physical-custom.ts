import { stableUuid } from './names.ts';
import type { Kind, PhysicalScope } from './physical-kind.ts';
import { sdkCallParameters } from './sdk-call.ts';

/**
 * Custom resources that something else reads. The calls of the rest (suspended processes, marks, Helm charts) are AWS's
 * own affair: nothing here moves nodes between zones or makes load balancers, so nothing is lost without them.
 */
export const customKinds: Readonly<Record<string, Kind>> = {
  'Custom::AWSCDKCfnJson': {
    attributes: { Value: (s) => JSON.parse(String(s.required('Value'))) },
  },
  /** An SSM parameter that a deployment makes if it is missing. */
  'Custom::InitialValue': {
    ref: (s) => String(parameters(s).Name),
    attributes: { Value: (s) => parameters(s).Value },
  },
  /** Known on AWS once EKS has made the node group; here nothing but other custom resources asks. */
  'Custom::NodegroupDescription': {
    attributes: {
      'nodegroup.resources.autoScalingGroups.0.name': (s) =>
        `eks-${parameters(s).nodegroupName}-${stableUuid(s.stack, s.logicalId)}`,
    },
  },
};

const parameters = (s: PhysicalScope): Record<string, unknown> =>
  sdkCallParameters(s.required('Create'), {
    stack: s.stack,
    resource: s.logicalId,
    path: ['Properties', 'Create'],
  });

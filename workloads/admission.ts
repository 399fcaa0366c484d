import type {
  V1ValidatingAdmissionPolicy,
  V1ValidatingAdmissionPolicyBinding,
} from '@kubernetes/client-node';
import { NAMESPACE } from '../core/protocol/names.ts';

const NAME = 'paddock-own-lease';
/** The apiserver puts it there from the token that the kubelet mounted into the pod. */
const POD_NAME = 'authentication.kubernetes.io/pod-name';

/** A pod may write only the Lease that is named after it, so no pod can fake or drain another's heartbeat. */
export const ownLeasePolicy = (): V1ValidatingAdmissionPolicy => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: NAME },
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NAMESPACE } },
      resourceRules: [
        {
          apiGroups: ['coordination.k8s.io'],
          apiVersions: ['v1'],
          operations: ['CREATE', 'UPDATE', 'DELETE'],
          resources: ['leases'],
        },
      ],
    },
    matchConditions: [
      {
        name: 'service-account-of-the-namespace',
        expression: `"system:serviceaccounts:${NAMESPACE}" in request.userInfo.groups`,
      },
    ],
    variables: [
      {
        name: 'podNames',
        expression: `has(request.userInfo.extra) && "${POD_NAME}" in request.userInfo.extra ? request.userInfo.extra["${POD_NAME}"] : []`,
      },
      {
        name: 'leaseName',
        expression: 'request.operation == "DELETE" ? oldObject.metadata.name : object.metadata.name',
      },
    ],
    validations: [
      {
        expression: 'variables.leaseName in variables.podNames',
        message: 'a pod may write only the Lease that is named after it',
        reason: 'Forbidden',
      },
    ],
  },
});

export const ownLeaseBinding = (): V1ValidatingAdmissionPolicyBinding => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name: NAME },
  spec: { policyName: NAME, validationActions: ['Deny'] },
});

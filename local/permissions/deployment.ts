import { z } from 'zod';
import { MAPPINGS } from '../front/iam/authorizer.ts';
import type { MappingEnvironment } from '../front/iam/mapping.ts';
import type { AwsService, ResolvedResource, ResourceRef } from '../front/types.ts';
import type { ResolvedApp } from '../template/load.ts';
import type { AwsCall } from './recording.ts';

/** An SDK call as CDK's AwsCustomResource keeps it in a custom resource. */
const sdkCall = z.looseObject({
  service: z.string(),
  action: z.string(),
  parameters: z.record(z.string(), z.unknown()),
});

/** Properties of a custom resource that hold one, as JSON text. */
const MOMENTS = ['Create', 'Update', 'Delete'] as const;

/**
 * The AWS calls that the templates themselves state: those that a deployment makes through custom resources. Calls to
 * services that the local front does not know are left out.
 */
export function deploymentCalls(app: ResolvedApp): AwsCall[] {
  const environment: MappingEnvironment = { ...app, resolve: (ref) => resolve(app, ref) };
  return app.resources.flatMap(({ properties }) => {
    const fn = app.functions.find(({ arn }) => arn === properties.ServiceToken);
    if (!fn) return [];
    return MOMENTS.flatMap((moment) => parse(properties[moment]) ?? []).flatMap(
      ({ service, action, parameters }) => {
        const operation = `${action.slice(0, 1).toUpperCase()}${action.slice(1)}`;
        const mapping = MAPPINGS[service.toLowerCase() as AwsService]?.[operation];
        const checks = mapping?.(parameters, environment, operation) ?? [];
        return checks.map(({ action: name, resource, context }) => ({
          ...{ role: fn.roleArn, action: name, resource },
          ...(context && { context }),
        }));
      },
    );
  });
}

/** Other custom resources have properties of these names, too. */
function parse(text: unknown): z.infer<typeof sdkCall> | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    return sdkCall.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Node groups and their Auto Scaling groups as a deployment will find them. */
function resolve(app: ResolvedApp, { kind, name }: ResourceRef): ResolvedResource | undefined {
  if (kind === 'nodegroup') return app.nodegroups.find((group) => group.name === name);
  if (kind !== 'autoScalingGroup') return undefined;
  const group = app.nodegroups.find((one) => name.startsWith(`eks-${one.name}-`));
  if (!group) return undefined;
  const { region, accountId } = app;
  return {
    arn: `arn:aws:autoscaling:${region}:${accountId}:autoScalingGroup:00000000:autoScalingGroupName/${name}`,
    tags: { 'eks:cluster-name': group.clusterName, 'eks:nodegroup-name': group.name },
  };
}

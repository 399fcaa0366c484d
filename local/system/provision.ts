import { InvokeCommand } from '@aws-sdk/client-lambda';
import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { Delivery } from '../emulators/delivery.ts';
import type { Emulators } from '../emulators/index.ts';
import type { Zone } from '../emulators/scaling-group.ts';
import type { ResolvedApp } from '../template/load.ts';
import type { ResolvedResource } from '../template/resolve.ts';
import type { NodegroupView } from '../template/resources.ts';
import type { RoleClients } from './aws-clients.ts';

/** Which of the template's triggers exist in this run. */
export interface Triggers {
  schedule: boolean;
  alarm: boolean;
}

/** Parameters, secrets, node groups, add-ons and access entries: what must be there before anything runs. */
export function provisionCluster(app: ResolvedApp, emulators: Emulators): void {
  for (const { name, value } of app.parameters)
    emulators.ssm.putParameter({ Name: name, Value: value, Type: 'String' });
  for (const { ref, properties } of app.resources.filter(
    ({ type }) => type === 'AWS::SecretsManager::Secret',
  ))
    emulators.secretsManager.createSecret(properties, ref);
  for (const entry of app.accessEntries) {
    emulators.eks.addAccessEntry({
      principalArn: entry.principalArn,
      kubernetesGroups: entry.kubernetesGroups,
      ...(entry.username === undefined ? {} : { username: entry.username }),
    });
  }
  const zones = zonesBySubnet(app.resources);
  for (const nodegroup of app.nodegroups) emulators.eks.addNodegroup(nodegroupSpec(nodegroup, zones));
  // So that there is something to upgrade the nodes to.
  emulators.eks.publishReleases();
  for (const { properties } of app.resources.filter(({ type }) => type === 'AWS::EKS::Addon'))
    emulators.eks.addAddon(
      String(properties.AddonName),
      properties.ConfigurationValues as string | undefined,
    );
}

function nodegroupSpec(view: NodegroupView, zones: Map<string, Zone>) {
  return {
    nodegroupName: view.name,
    clusterName: view.clusterName,
    capacityType: view.capacityType,
    instanceTypes: [...view.instanceTypes],
    labels: { ...view.labels },
    taints: [...view.taints],
    scalingConfig: {
      minSize: view.minSize,
      maxSize: view.maxSize,
      ...(view.desiredSize === undefined ? {} : { desiredSize: view.desiredSize }),
    },
    zones: view.subnets.map((subnet) => {
      const zone = zones.get(subnet);
      if (!zone) throw new Error(`Node group ${view.name} names the subnet ${subnet}, which no stack makes.`);
      return zone;
    }),
    tags: { ...view.tags },
    ...(view.maxUnavailable === undefined ? {} : { maxUnavailable: view.maxUnavailable }),
  };
}

function zonesBySubnet(resources: readonly ResolvedResource[]): Map<string, Zone> {
  return new Map(
    resources
      .filter(({ type }) => type === 'AWS::EC2::Subnet')
      .map(({ ref, properties }) => [ref, { name: String(properties.AvailabilityZone), subnetId: ref }]),
  );
}

/** Alarms, rules and schedules: from now on the control plane is woken. */
export async function provisionTriggers(
  app: ResolvedApp,
  emulators: Emulators,
  triggers: Triggers,
): Promise<void> {
  if (triggers.alarm) {
    for (const rule of app.rules) {
      await emulators.events.putRule({
        Name: rule.name,
        EventPattern: JSON.stringify(rule.eventPattern),
        State: rule.enabled ? 'ENABLED' : 'DISABLED',
      });
      await emulators.events.putTargets({
        Rule: rule.name,
        Targets: rule.targets.map((target) => ({
          Id: target.id,
          Arn: target.arn,
          RoleArn: target.roleArn,
          Input: target.input,
          InputPath: target.inputPath,
          ...(target.inputTransformer
            ? {
                InputTransformer: {
                  InputPathsMap: target.inputTransformer.inputPathsMap,
                  InputTemplate: target.inputTransformer.inputTemplate,
                },
              }
            : {}),
        })),
      });
    }
    for (const { name, properties } of app.resources.filter(
      ({ type }) => type === 'AWS::CloudWatch::Alarm',
    )) {
      emulators.cloudwatch.putMetricAlarm({ ...properties, AlarmName: name });
    }
  }
  if (triggers.schedule) {
    for (const { name, properties } of app.resources.filter(
      ({ type }) => type === 'AWS::Scheduler::Schedule',
    )) {
      await emulators.scheduler.handle({ operation: 'CreateSchedule', input: { ...properties, Name: name } });
    }
  }
}

/** Calls what a rule or a schedule targets, as the role that it states. Rejects as the service would refuse. */
export function deliverTo(clients: RoleClients): (delivery: Delivery) => Promise<void> {
  return async ({ targetArn, input, roleArn, origin }) => {
    if (roleArn !== undefined && targetArn.includes(':stateMachine:')) {
      await clients
        .stepFunctions(roleArn)
        .send(new StartExecutionCommand({ stateMachineArn: targetArn, input }));
    } else if (roleArn !== undefined && targetArn.includes(':function:')) {
      await clients
        .lambda(roleArn)
        .send(new InvokeCommand({ FunctionName: targetArn, InvocationType: 'Event', Payload: input }));
    } else {
      const message = `${origin} targets ${targetArn}; locally only state machines and functions with a role are.`;
      throw Object.assign(new Error(message), { code: 'ResourceNotFoundException' });
    }
  };
}

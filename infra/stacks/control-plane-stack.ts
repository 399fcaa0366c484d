import { CfnOutput, CfnParameter, Stack, type StackProps } from 'aws-cdk-lib';
import type { ICluster } from 'aws-cdk-lib/aws-eks-v2';
import { Construct } from 'constructs';
import { nodegroupName } from '../../core/protocol/names.ts';
import { modelParameter, ollamaImageParameter } from '../../core/protocol/upgrade.ts';
import { fleetManifests, sharedManifests, webuiManifests } from '../../workloads/index.ts';
import { routerManifests } from '../../workloads/router/index.ts';
import { fleetPolicy, type PaddockConfig } from '../config/index.ts';
import { createFleetParameter } from '../constructs/fleet-parameter.ts';
import { FleetQueue, type FleetQueues } from '../constructs/fleet-queue.ts';
import { FleetTriggers } from '../constructs/fleet-triggers.ts';
import { createScaler, createWarmup } from '../constructs/functions.ts';
import { Gateway } from '../constructs/gateway.ts';
import { Healthcheck } from '../constructs/healthcheck.ts';
import { createScaleMachine, createWarmupMachine } from '../constructs/machines.ts';
import { ManifestSet } from '../constructs/manifests.ts';
import { workloadNetwork } from '../constructs/network.ts';
import { SpotFallback } from '../constructs/spot-fallback.ts';
import { createModelsBucket, createResultsBucket, createTable } from '../constructs/storage.ts';
import { Upgrade } from '../constructs/upgrade.ts';
import { WorkerBundle } from '../constructs/worker-bundle.ts';
import { WorkerIdentity } from '../constructs/worker-identity.ts';

export interface ControlPlaneStackProps extends StackProps {
  readonly config: PaddockConfig;
  readonly cluster: ICluster;
  /** False leaves the code of functions and worker out, for tests that only look at the template. */
  readonly bundle: boolean;
}

/** Everything but the cluster: what decides, what wakes it, and what runs in the cluster. */
export class ControlPlaneStack extends Stack {
  /** By fleet. */
  readonly queues: ReadonlyMap<string, FleetQueues>;

  constructor(scope: Construct, id: string, { config, cluster, bundle, ...props }: ControlPlaneStackProps) {
    super(scope, id, props);
    const clusterName = config.cluster.name;
    const common = { clusterName, cluster, logRetentionDays: config.logRetentionDays };
    const table = createTable(this, { retain: config.retainData });
    const results = createResultsBucket(this, {
      retentionDays: config.resultsRetentionDays,
      retain: config.retainData,
    });
    const models = createModelsBucket(this, { retain: config.retainData });
    const worker = new WorkerBundle(this, 'Worker', { bundle });

    const fleets = config.fleets.map((fleet) => {
      const scope = new Construct(this, `Fleet-${fleet.name}`);
      const { queue, deadLetters } = new FleetQueue(scope, 'Requests', {
        queueName: `${clusterName}-${fleet.name}`,
        visibilitySeconds: fleet.visibilitySeconds,
      });
      return { fleet, scope, queue, deadLetters };
    });
    this.queues = new Map(
      fleets.map(({ fleet, queue, deadLetters }) => [fleet.name, { queue, deadLetters }]),
    );
    const scaler = createScaler(this, {
      ...common,
      tableArn: table.tableArn,
      tableName: table.tableName,
      queueArns: fleets.map(({ queue }) => queue.queueArn),
    });
    const warmup = createWarmup(this, common);
    const scale = createScaleMachine(this, {
      ...common,
      scaler: scaler.handler,
      nodegroups: config.fleets.flatMap((fleet) =>
        fleet.pools.map((pool) => nodegroupName(clusterName, fleet.name, pool.name)),
      ),
    }).stateMachine;
    const spot = new SpotFallback(this, 'Spot', {
      ...{ config, scale, tableArn: table.tableArn, tableName: table.tableName },
    });
    const warmupMachine = createWarmupMachine(this, { ...common, warmup: warmup.handler }).stateMachine;

    // What an upgrade has written there by now, not what stands in the configuration.
    const ollama = new CfnParameter(this, 'OllamaImage', {
      type: 'AWS::SSM::Parameter::Value<String>',
      default: ollamaImageParameter(clusterName),
      description: 'Image of the model servers',
    }).valueAsString;
    const network = workloadNetwork(cluster.vpc, config);
    const manifests = new ManifestSet(this, cluster);
    const shared = manifests.add('Shared', sharedManifests(config, network));
    const { images, webui, volumeType } = config;
    if (webui.enabled)
      manifests.add(
        'Webui',
        webuiManifests({ ...webui, image: images.webui, volumeType, fleets: config.fleets }),
        shared,
      );
    for (const { fleet, scope, queue, deadLetters } of fleets) {
      createFleetParameter(scope, {
        policy: fleetPolicy(config, fleet.name),
        clusterName,
        queueUrl: queue.queueUrl,
        deadLetterQueueUrl: deadLetters.queueUrl,
        resultsBucket: results.bucketName,
        modelsBucket: models.bucketName,
      });
      new FleetTriggers(scope, 'Triggers', {
        fleet: fleet.name,
        clusterName,
        queue,
        scale,
        activationBacklog: fleet.policy.activationBacklog,
      });
      const identity = new WorkerIdentity(scope, 'Worker', {
        fleet: fleet.name,
        cluster,
        queue,
        deadLetters,
        results,
        models,
        bundle: worker,
      });
      // A pod that starts before its identity is associated would never get credentials.
      manifests.add(
        `Fleet-${fleet.name}`,
        fleetManifests(fleet, {
          region: config.region,
          queueUrl: queue.queueUrl,
          deadLetterQueueUrl: deadLetters.queueUrl,
          resultsBucket: results.bucketName,
          modelsBucket: models.bucketName,
          registryUrl: config.models.registry ? config.models.registryUrl : '',
          volumeType,
          images: { ...images, ollama },
          models: fleet.models.map((model, index) =>
            this.#modelBehind(clusterName, fleet.name, model, index),
          ),
          workerBundle: worker,
        }),
        shared,
        identity,
      );
      new CfnOutput(this, `QueueUrl-${fleet.name}`, { value: queue.queueUrl });
    }

    const healthcheck = new Healthcheck(this, 'Healthcheck', {
      ...{ ...common, results, table, spotFallback: spot.machine.stateMachine },
      fleets: fleets.map(({ fleet, queue, deadLetters }) => ({ name: fleet.name, queue, deadLetters })),
    });
    const gateway =
      config.gateway.enabled &&
      new Gateway(this, 'Gateway', {
        ...{ config, results, table, scale },
        fleets: fleets.map(({ fleet, queue }) => ({ name: fleet.name, models: fleet.models, queue })),
      });
    if (gateway) {
      new CfnOutput(this, 'GatewayUrl', { value: gateway.url });
      new CfnOutput(this, 'GatewayKeysSecret', { value: gateway.secretName });
    }
    const { router } = config;
    const gatewayUrl = gateway ? gateway.url : undefined;
    manifests.add(
      'Router',
      routerManifests({
        fleets: config.fleets,
        router,
        images,
        network,
        gatewayUrl,
        webui: config.webui.enabled,
      }),
      shared,
    );
    const upgrade = new Upgrade(this, 'Upgrades', {
      ...{ config, cluster, table },
      healthcheck: healthcheck.handler,
      usedApis: manifests.usedApis,
    });
    new CfnOutput(this, 'UpgradeStateMachineArn', { value: upgrade.machine.stateMachine.stateMachineArn });
    new CfnOutput(this, 'WorkerBundleKey', { value: worker.key });
    new CfnOutput(this, 'ResultsBucketName', { value: results.bucketName });
    new CfnOutput(this, 'ModelsBucketName', { value: models.bucketName });
    new CfnOutput(this, 'TableName', { value: table.tableName });
    new CfnOutput(this, 'ScaleStateMachineArn', { value: scale.stateMachineArn });
    new CfnOutput(this, 'WarmupStateMachineArn', { value: warmupMachine.stateMachineArn });
  }

  /** What answers under a configured name: itself, until an upgrade has written another. */
  #modelBehind(clusterName: string, fleet: string, model: string, index: number): string {
    return new CfnParameter(this, `Model-${fleet}-${index}`, {
      type: 'AWS::SSM::Parameter::Value<String>',
      default: modelParameter(clusterName, fleet, model),
      description: `Model that answers as ${model}`,
    }).valueAsString;
  }
}

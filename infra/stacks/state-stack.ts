import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { nodegroupName } from '../../core/protocol/names.ts';
import {
  kubernetesVersionParameter,
  modelParameter,
  ollamaImageParameter,
} from '../../core/protocol/upgrade.ts';
import type { PaddockConfig } from '../config/index.ts';
import { InitialValues, MARK, nodegroupMarkPrefix } from '../constructs/initial-values.ts';

export interface StateStackProps extends StackProps {
  readonly config: PaddockConfig;
}

/**
 * What the other stacks' templates read instead of stating, because something else than a deployment changes it. It
 * comes first: CloudFormation looks the values up when it starts with a stack.
 */
export class StateStack extends Stack {
  constructor(scope: Construct, id: string, { config, ...props }: StateStackProps) {
    super(scope, id, props);
    const { name, version } = config.cluster;
    const nodegroups = config.fleets.flatMap((fleet) =>
      fleet.pools.map((pool) => nodegroupName(name, fleet.name, pool.name)),
    );
    new InitialValues(this, 'Values', {
      values: [
        { name: kubernetesVersionParameter(name), value: version, deleted: true },
        { name: ollamaImageParameter(name), value: config.images.ollama, deleted: true },
        ...config.fleets.flatMap((fleet) =>
          fleet.models.map((model) => ({
            name: modelParameter(name, fleet.name, model),
            value: model,
            deleted: true,
          })),
        ),
        // Kept when a pool goes: until its group is gone too, a new mark would be wrong.
        ...nodegroups.map((nodegroup) => ({
          name: `${nodegroupMarkPrefix(name)}${nodegroup}`,
          value: MARK.missing,
          deleted: false,
        })),
      ],
      prefix: `/paddock/${name}/`,
      logRetentionDays: config.logRetentionDays,
    });
  }
}

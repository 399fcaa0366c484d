import type { UpgradeExecutions } from '../../adapters/aws/upgrade-executions.ts';
import type { UpgradeState } from '../../adapters/aws/upgrade-state.ts';
import { connectLocal } from '../connect.ts';

export interface UpgradeFlags {
  aws?: boolean;
  cluster: string;
  table?: string;
  stateDir: string;
  json?: boolean;
}

export interface Upgrades {
  cluster: string;
  state: UpgradeState;
  executions: UpgradeExecutions;
  /** Between two looks at one that is followed. */
  pause: () => Promise<void>;
}

const POLL_MS = 1000;

/** @throws Error that says what to start or to state */
export async function openUpgrades(flags: UpgradeFlags): Promise<Upgrades> {
  const { cluster, table } = flags.aws
    ? { cluster: flags.cluster, table: flags.table ?? '' }
    : connectLocal(flags);
  if (table === '')
    throw new Error('With --aws, state --table (the output TableName of the stack PaddockControlPlane).');
  // Imported after the connection is set: SDK clients read the environment when they are made.
  const [{ DynamoUpgradeState }, { SfnUpgradeExecutions }] = await Promise.all([
    import('../../adapters/aws/upgrade-state.ts'),
    import('../../adapters/aws/upgrade-executions.ts'),
  ]);
  return {
    cluster,
    state: DynamoUpgradeState.forCommand(table, cluster),
    executions: new SfnUpgradeExecutions(cluster),
    pause: () => new Promise((resolve) => setTimeout(resolve, POLL_MS)),
  };
}

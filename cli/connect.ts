import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { DEFAULT_STATE_DIR, noLocalSystem, readSession, type Session } from '../local/session.ts';

export interface ConnectFlags {
  fleet?: string;
  cluster?: string;
  table?: string;
  aws?: boolean;
  stateDir: string;
}

export interface Connection {
  fleet: string;
  cluster: string;
  /** Empty when the command needs none and none was stated. */
  table: string;
  where: string;
}

/** The options by which a command finds the system it asks. */
export function addConnectOptions(command: Command): Command {
  return command
    .option('--fleet <name>', 'which fleet (default: the one that runs locally)')
    .option('--aws', 'ask the system in your AWS account instead of the local one')
    .addOption(
      new Option('--table <name>', 'with --aws: the table (stack output TableName)').env('PADDOCK_TABLE'),
    )
    .addOption(
      new Option('--cluster <name>', 'with --aws: the cluster').env('PADDOCK_CLUSTER').default('paddock'),
    )
    .option('--state-dir <dir>', 'where the local system keeps its state', DEFAULT_STATE_DIR);
}

/**
 * Finds the local system, or takes what --aws needs. For the local one it sets the endpoint and key in this
 * process's environment, where the SDK looks for them.
 *
 * @throws Error that says what to start or to state.
 */
export function connect(flags: ConnectFlags, { needsTable = true } = {}): Connection {
  if (flags.aws) {
    const { fleet, table = '', cluster = '' } = flags;
    if (!fleet || (needsTable && table === '')) {
      throw new Error(
        needsTable
          ? 'With --aws, state --fleet and --table (the output TableName of the stack PaddockControlPlane).'
          : 'With --aws, state --fleet (and --cluster, unless it is called paddock).',
      );
    }
    return { fleet, cluster, table, where: 'AWS' };
  }
  const session = connectLocal(flags);
  if (flags.fleet !== undefined && flags.fleet !== session.fleet) {
    throw new Error(`The local system runs the fleet '${session.fleet}', not '${flags.fleet}'.`);
  }
  return { fleet: session.fleet, cluster: session.cluster, table: session.table, where: 'local' };
}

/**
 * Finds the local system and sets its endpoint and key in this process's environment.
 *
 * @throws Error that says what to start
 */
export function connectLocal({ stateDir }: Pick<ConnectFlags, 'stateDir'>): Session {
  const session = readSession(resolve(stateDir));
  if (session === undefined) {
    throw new Error(`${noLocalSystem(stateDir)} Or use --aws for the one in your account.`);
  }
  process.env.AWS_ENDPOINT_URL = session.endpointUrl;
  process.env.AWS_REGION = session.region;
  process.env.AWS_ACCESS_KEY_ID = session.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = session.secretAccessKey;
  return session;
}

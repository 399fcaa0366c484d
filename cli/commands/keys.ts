import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { apiKeysSecretName } from '../../core/protocol/api-keys.ts';
import { DEFAULT_STATE_DIR } from '../../local/session.ts';
import { tableStyle } from '../../local/table.ts';
import { connectLocal } from '../connect.ts';
import { added, checkName, revoked } from '../key-ring.ts';

interface KeysFlags {
  aws?: boolean;
  cluster: string;
  stateDir: string;
  json?: boolean;
}

export function keysCommand(): Command {
  return new Command('keys')
    .description('API keys of the gateway. Only their hashes are kept; a new key is shown once.')
    .addCommand(
      keyCommand('create', 'Make a key and print it. Keys of one name share what they submit.')
        .argument('<name>', 'who will use it: an application, a team')
        .action(create),
    )
    .addCommand(keyCommand('list', 'The keys there are, without the keys.').action(list))
    .addCommand(
      keyCommand('revoke', 'End a key; gateways forget it within a minute.')
        .argument('<id-or-name>', 'the id of one key, or a name, for all its keys')
        .action(revoke),
    )
    .addHelpText(
      'after',
      `
Examples:
  npm run paddock -- keys create web-app
  npm run paddock -- keys create web-app --aws --cluster paddock
  npm run paddock -- keys revoke 1f0c9a2b --aws`,
    );
}

const keyCommand = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .option('--aws', 'in your AWS account instead of the local system')
    .addOption(
      new Option('--cluster <name>', 'with --aws: the cluster').env('PADDOCK_CLUSTER').default('paddock'),
    )
    .option('--state-dir <dir>', 'where the local system keeps its state', DEFAULT_STATE_DIR)
    .option('--json', 'one JSON object');

/** The secret of the chosen system. */
async function open(flags: KeysFlags) {
  const cluster = flags.aws ? flags.cluster : connectLocal(flags).cluster;
  // Imported after the connection is set: SDK clients read the environment when they are made.
  const { SecretApiKeys, newApiKey } = await import('../../adapters/aws/api-keys.ts');
  return { secret: SecretApiKeys.forCommand(apiKeysSecretName(cluster)), newApiKey };
}

async function create(name: string, flags: KeysFlags): Promise<void> {
  checkName(name);
  const { secret, newApiKey } = await open(flags);
  const { key, record } = newApiKey(name, new Date());
  await secret.change((keys) => added(keys, record));
  if (flags.json) console.log(JSON.stringify({ id: record.id, name, key }));
  else {
    console.error(`Key ${record.id} of ${name}. It is shown this once:`);
    console.log(key);
  }
}

async function list(flags: KeysFlags): Promise<void> {
  const { keys } = await (await open(flags)).secret.read();
  const shown = keys.map(({ id, name, createdAt }) => ({ id, name, createdAt }));
  if (flags.json) console.log(JSON.stringify(shown));
  else if (shown.length === 0) console.log('There are no keys. Make one with "paddock keys create NAME".');
  else {
    const table = new Table({ head: ['id', 'name', 'created'], style: tableStyle() });
    for (const { id, name, createdAt } of shown) table.push([id, name, createdAt]);
    console.log(table.toString());
  }
}

async function revoke(idOrName: string, flags: KeysFlags): Promise<void> {
  const { secret } = await open(flags);
  let ids: string[] = [];
  await secret.change((keys) => {
    const { left, gone } = revoked(keys, idOrName);
    ids = gone.map(({ id }) => id);
    return left;
  });
  if (flags.json) console.log(JSON.stringify({ revoked: ids }));
  else console.log(`Revoked: ${ids.join(', ')}. Gateways that know a key forget it within a minute.`);
}

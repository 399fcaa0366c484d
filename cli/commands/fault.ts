import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Fault, FaultReport, OngoingFault } from '../../local/faults/fault.ts';
import { DEFAULT_STATE_DIR, noLocalSystem, readSession } from '../../local/session.ts';
import { duration } from '../duration.ts';
import { wholeNumber } from '../numbers.ts';

interface FaultFlags {
  pool: string;
  count: number;
  for?: number;
  stateDir: string;
  json?: boolean;
}

const examples = (...lines: string[]): string =>
  ['\nExamples:', ...lines.map((line) => `  npm run paddock -- fault ${line}`)].join('\n');

/** `paddock fault`: harm to the local system's capacity, to see what it does about it. */
export function faultCommand(): Command {
  return new Command('fault')
    .description('Harm the capacity of the local system as EC2 and EKS do, and watch what it does about it.')
    .addCommand(
      striking(
        'spot-interrupt',
        'EC2 takes spot instances back: a warning, and in two minutes they are gone.',
      )
        .addHelpText('after', examples('spot-interrupt --pool spot', 'spot-interrupt --pool spot --count 3'))
        .action((flags: FaultFlags) => strike({ kind: 'spot-interrupt', ...chosen(flags) }, flags)),
    )
    .addCommand(
      striking('rebalance', 'EC2 advises to replace spot instances: EKS starts others, then drains these.')
        .addHelpText('after', examples('rebalance --pool spot --count 2'))
        .action((flags: FaultFlags) => strike({ kind: 'rebalance', ...chosen(flags) }, flags)),
    )
    .addCommand(
      striking('node-loss', 'Instances are gone without notice; Kubernetes finds out 50 s later.')
        .addHelpText('after', examples('node-loss --pool on-demand'))
        .action((flags: FaultFlags) => strike({ kind: 'node-loss', ...chosen(flags) }, flags)),
    )
    .addCommand(
      common('ice', 'Launches fail for want of capacity (InsufficientInstanceCapacity).')
        .option('--for <duration>', 'how long: 90s, 4m, 1h (default: until `fault heal`)', duration)
        .addHelpText('after', examples('ice --pool spot --for 4m', 'ice --pool on-demand'))
        .action((flags: FaultFlags) => strike({ kind: 'ice', pool: flags.pool, ...window(flags) }, flags)),
    )
    .addCommand(
      common('pending', 'Instances start, and their nodes never become Ready.')
        .option('--count <n>', 'the next n that start', wholeNumber(1))
        .option(
          '--for <duration>',
          'all that start in this time (default, without --count: until `fault heal`)',
          duration,
        )
        .addHelpText('after', examples('pending --pool spot --count 1', 'pending --pool spot --for 5m'))
        .action((flags: FaultFlags) => {
          const count = flags.count === undefined ? {} : { count: flags.count };
          return strike({ kind: 'pending', pool: flags.pool, ...count, ...window(flags) }, flags);
        }),
    )
    .addCommand(
      local(new Command('list').description('What goes on at the moment.'))
        .addHelpText('after', examples('list', 'list --json'))
        .action(async (flags: FaultFlags) => {
          const ongoing = (await ask('GET', flags)) as OngoingFault[];
          say(flags, ongoing, ongoing.map(ongoingText).join('\n') || 'No fault goes on.');
        }),
    )
    .addCommand(
      local(new Command('heal').description('End what goes on: capacity is there again.'))
        .option('--pool <name>', 'of this pool only')
        .addHelpText('after', examples('heal', 'heal --pool spot'))
        .action(async (flags: FaultFlags) => {
          const query = flags.pool === undefined ? '' : `?pool=${encodeURIComponent(flags.pool)}`;
          const ended = (await ask('DELETE', flags, undefined, query)) as OngoingFault[];
          say(
            flags,
            ended,
            ended.map(({ kind, pool }) => `${kind} of ${pool} has ended`).join('\n') || 'No fault went on.',
          );
        }),
    )
    .addHelpText('after', examples('spot-interrupt --pool spot', 'ice --pool spot --for 4m', 'heal'));
}

const local = (command: Command): Command =>
  command
    .option('--json', 'one JSON value')
    .option('--state-dir <dir>', 'where the local system keeps its state', DEFAULT_STATE_DIR);

const common = (name: string, description: string): Command =>
  local(new Command(name).description(description)).requiredOption('--pool <name>', 'whose instances');

const striking = (name: string, description: string): Command =>
  common(name, description).option('--count <n>', 'how many, the oldest first', wholeNumber(1), 1);

const chosen = ({ pool, count }: FaultFlags) => ({ pool, count });

const window = ({ for: forSeconds }: FaultFlags) => (forSeconds === undefined ? {} : { forSeconds });

async function strike(fault: Fault, flags: FaultFlags): Promise<void> {
  const report = (await ask('POST', flags, fault)) as FaultReport;
  const what = report.instances.map(({ instanceId, node }) => `  ${instanceId} on ${node}`);
  const until = report.until === undefined ? '' : ` until ${report.until}`;
  const count = report.count === undefined ? '' : nextNodes(report.count);
  say(flags, report, [`${report.kind} of the pool ${report.pool}${until}${count}`, ...what].join('\n'));
}

function say(flags: FaultFlags, value: unknown, text: string): void {
  console.log(flags.json ? JSON.stringify(value) : text);
}

const nextNodes = (count: number): string =>
  count === 1 ? ': the next node that starts' : `: the next ${count} nodes that start`;

const ongoingText = ({ kind, pool, until, count }: OngoingFault): string =>
  count === undefined
    ? `${kind} of the pool ${pool} ${until === undefined ? 'until `paddock fault heal`' : `until ${until}`}`
    : `${kind} of the pool ${pool}${nextNodes(count)}`;

async function ask(method: string, { stateDir }: FaultFlags, body?: Fault, query = ''): Promise<unknown> {
  const session = readSession(resolve(stateDir));
  if (session?.faults === undefined) throw new Error(noLocalSystem(stateDir));
  const { url, token } = session.faults;
  const response = await fetch(`${url}/faults${query}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new Error('The local system does not answer: it is ending, or too busy. Try again.', { cause });
  });
  const answer = (await response.json()) as { message?: string };
  if (!response.ok) throw new Error(answer.message ?? `The local system answered ${response.status}.`);
  return answer;
}

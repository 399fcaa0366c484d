import Table from 'cli-table3';
import { Command } from 'commander';
import type { PlanRecord } from '../../adapters/aws/fleet-state.ts';
import type { ColdReplica, LearnedLead } from '../../core/scaling/types.ts';
import { tableStyle } from '../../local/table.ts';
import { addConnectOptions, type ConnectFlags, connect } from '../connect.ts';
import { describeCold, describeLead } from '../explain-text.ts';

export interface StatusReport {
  fleet: string;
  queue: { backlog: number; inFlight: number };
  pools: { pool: string; wanted: number; nodesDesired: number; nodes: number }[];
  pricePerHour: number;
  /** As the last tick saw them: replicas that are on their way or can't be warmed. */
  cold?: ColdReplica[];
  /** By pool: what was learned of the time from the decision on a replica until it is warm. */
  leads?: Record<string, LearnedLead>;
  lastTick?: {
    at: string;
    secondsAgo: number;
    summary: string;
    failures: string[];
    numbers: Record<string, number>;
  };
}

export function statusCommand(): Command {
  return addConnectOptions(
    new Command('status')
      .description('What there is now: queue, pools, nodes, and the last tick.')
      .option('--json', 'one JSON object'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  npm run paddock -- status\n  npm run paddock -- status --aws --fleet cpu --table TABLE',
    )
    .action(async (flags: ConnectFlags & { json?: boolean }) => {
      const report = await readStatus(connect(flags));
      console.log(flags.json ? JSON.stringify(report) : statusText(report));
    });
}

async function readStatus({ fleet, cluster, table }: ReturnType<typeof connect>): Promise<StatusReport> {
  // Imported after the connection is set: SDK clients read the environment when they are made.
  const [
    { DynamoFleetState },
    { SsmFleetParameters },
    { SqsQueueCounts },
    { AutoScalingNodeGroups },
    { nodegroupName },
  ] = await Promise.all([
    import('../../adapters/aws/fleet-state.ts'),
    import('../../adapters/aws/fleet-parameters.ts'),
    import('../../adapters/aws/queue-counts.ts'),
    import('../../adapters/aws/auto-scaling.ts'),
    import('../../core/protocol/names.ts'),
  ]);
  const parameters = await SsmFleetParameters.forCommand(`/paddock/${cluster}/fleets/`).read(fleet);
  const [queue, groups, [last]] = await Promise.all([
    SqsQueueCounts.forCommand().read(parameters.queueUrl),
    AutoScalingNodeGroups.forCommand().list(cluster),
    DynamoFleetState.forCommand(table).recentPlans(fleet, 1),
  ]);
  return {
    fleet,
    queue,
    pools: parameters.policy.pools.map(({ name }) => {
      const group = groups.find((g) => g.nodegroup === nodegroupName(cluster, fleet, name));
      return {
        pool: name,
        wanted: last?.plan.wantedByPool[name] ?? 0,
        nodesDesired: group?.desired ?? 0,
        nodes: group?.instances.filter((i) => i.lifecycle === 'in-service').length ?? 0,
      };
    }),
    pricePerHour: last?.plan.pricePerHour ?? 0,
    ...(last?.plan.cold && { cold: last.plan.cold }),
    ...(last?.plan.leads && { leads: last.plan.leads }),
    ...(last ? { lastTick: lastTick(last) } : {}),
  };
}

function lastTick({ plan, failures }: PlanRecord): NonNullable<StatusReport['lastTick']> {
  return {
    at: new Date(plan.at * 1000).toISOString(),
    secondsAgo: Math.max(0, Math.round(Date.now() / 1000 - plan.at)),
    summary: plan.summary,
    failures,
    numbers: plan.numbers,
  };
}

export function statusText(report: StatusReport): string {
  const table = new Table({
    head: ['pool', 'wanted', 'nodes desired', 'nodes in service'],
    colAligns: ['left', 'right', 'right', 'right'],
    style: tableStyle(),
  });
  for (const row of report.pools) table.push([row.pool, row.wanted, row.nodesDesired, row.nodes]);
  const tick = report.lastTick;
  return [
    `fleet ${report.fleet}: ${report.queue.backlog} waiting, ${report.queue.inFlight} in flight, $${report.pricePerHour.toFixed(2)}/h`,
    table.toString(),
    tick === undefined
      ? 'No tick yet: the schedule or the alarm starts the first within a minute.'
      : `last tick ${tick.secondsAgo} s ago: ${tick.summary}; ${tick.numbers.warm ?? 0} warm, ${tick.numbers.pending ?? 0} starting, ${tick.numbers.draining ?? 0} draining`,
    ...Object.entries(report.leads ?? {}).map(([pool, lead]) => `lead time of ${describeLead(pool, lead)}`),
    ...(report.cold ? [describeCold(report.cold)] : []),
    ...(tick?.failures ?? []).map((failure) => `! ${failure}`),
  ].join('\n');
}

import type { NodeGroupObservation, NodeGroupsReader } from '../../adapters/aws/auto-scaling.ts';
import type { Notices } from '../../adapters/aws/notices.ts';
import type { SpotEvent } from '../../core/spot/events.ts';
import type { Notice } from '../../core/spot/notices.ts';
import type { Owner } from './config.ts';

export interface NoteDependencies {
  cluster: string;
  /** By node group. */
  owners: ReadonlyMap<string, Owner>;
  nodeGroups: NodeGroupsReader;
  notices: Notices;
}

/** What the state machine gets back. */
export type Noted =
  /** `repeated`: the same was known already. */
  { outcome: 'noted' | 'repeated'; fleet: string; notice: Notice } | { outcome: 'not-ours'; reason: string };

/** Finds out whose an event is, and keeps what it tells for the ticks of that fleet, which decide. */
export async function note(event: SpotEvent, deps: NoteDependencies): Promise<Noted> {
  if (event.kind === 'not-ours') return { outcome: 'not-ours', reason: event.why };
  const groups = await deps.nodeGroups.list(deps.cluster);
  const group = groups.find((candidate) => concerns(event, candidate));
  const owner = group && deps.owners.get(group.nodegroup);
  if (!owner)
    return { outcome: 'not-ours', reason: `${subjectOf(event)} belongs to no pool of ${deps.cluster}` };
  const notice = noticeOf(event, owner.pool);
  const isNew = await deps.notices.add(owner.fleet, notice);
  return { outcome: isNew ? 'noted' : 'repeated', fleet: owner.fleet, notice };
}

type OurEvent = Exclude<SpotEvent, { kind: 'not-ours' }>;

function concerns(
  event: OurEvent,
  { nodegroup, autoScalingGroupName, instances }: NodeGroupObservation,
): boolean {
  if (event.kind !== 'launch-failure') return instances.some((one) => one.instanceId === event.instanceId);
  return 'nodegroup' in event.group
    ? event.group.nodegroup === nodegroup
    : event.group.autoScalingGroup === autoScalingGroupName;
}

function subjectOf(event: OurEvent): string {
  return event.kind === 'launch-failure' ? Object.values(event.group).join() : event.instanceId;
}

function noticeOf(event: OurEvent, pool: string): Notice {
  switch (event.kind) {
    case 'launch-failure': {
      const { kind, at, code, message } = event;
      return { kind, pool, at, code, message };
    }
    case 'interruption':
      return { ...event, pool };
    case 'rebalance':
      return { ...event, pool };
  }
}

import * as z from 'zod';
import type { Seconds } from '../scaling/types.ts';

/** An event about capacity, read by the parser of its kind. */
export type SpotEvent =
  | { kind: 'interruption'; instanceId: string; at: Seconds; endsAt: Seconds }
  | { kind: 'rebalance'; instanceId: string; at: Seconds }
  | { kind: 'launch-failure'; group: Group; at: Seconds; code: string; message: string }
  /** Something else: nothing of ours to do. */
  | { kind: 'not-ours'; why: string };

/** Whose launch failed. */
export type Group = { autoScalingGroup: string } | { nodegroup: string };

/** EC2 ends a spot instance this long after it has warned. Source: Amazon EC2, 'Spot Instance interruption notices'. */
const INTERRUPTION_SECONDS = 120;

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text) / 1000);
const instanceId = z.string().regex(/^i-[0-9a-f]+$/, 'is no instance id');

/** Amazon EC2, 'Spot Instance interruption notices'. */
const interruption = z
  .object({ time, detail: z.object({ 'instance-id': instanceId }) })
  .transform(({ time: at, detail }): SpotEvent => {
    return { kind: 'interruption', instanceId: detail['instance-id'], at, endsAt: at + INTERRUPTION_SECONDS };
  });

/** Amazon EC2, 'EC2 instance rebalance recommendations'. */
const rebalance = z
  .object({ time, detail: z.object({ 'instance-id': instanceId }) })
  .transform(({ time: at, detail }): SpotEvent => {
    return { kind: 'rebalance', instanceId: detail['instance-id'], at };
  });

/** Amazon EC2 Auto Scaling, 'Amazon EC2 Auto Scaling event reference': unsuccessful events. */
const launchFailure = z
  .object({
    time,
    detail: z.object({ AutoScalingGroupName: z.string().min(1), StatusMessage: z.string().default('') }),
  })
  .transform(({ time: at, detail }): SpotEvent => {
    const { AutoScalingGroupName: autoScalingGroup, StatusMessage: message } = detail;
    return { kind: 'launch-failure', group: { autoScalingGroup }, at, code: codeIn(message), message };
  });

/**
 * An issue of a managed node group's health, handed over by whoever asks EKS for it (EKS sends no event).
 * Source: Amazon EKS API, 'Issue'.
 */
const nodegroupIssue = z
  .object({
    time,
    detail: z.object({
      nodegroupName: z.string().min(1),
      code: z.string().min(1),
      message: z.string().default(''),
    }),
  })
  .transform(({ time: at, detail: { nodegroupName, code, message } }): SpotEvent => {
    if (code !== LAUNCH_FAILURES) return notOurs(`the issue ${code} says nothing of capacity`);
    const cause = codeIn(message);
    return {
      kind: 'launch-failure',
      group: { nodegroup: nodegroupName },
      at,
      code: cause === UNKNOWN ? code : cause,
      message,
    };
  });

/** The issue of a node group whose Auto Scaling group can't launch. */
export const LAUNCH_FAILURES = 'AsgInstanceLaunchFailures';
/** Source of the events that this project sends itself. */
const OWN_SOURCE = 'paddock';
const NODEGROUP_ISSUE = 'Node Group Health Issue';

/** A launch that failed, as Auto Scaling's own record has it. */
export interface FailedLaunch {
  activityId: string;
  at: Seconds;
  message: string;
}

/** What hands on that EKS finds a node group unable to launch: `nodegroupIssue` reads it. */
export const launchFailureEvent = (nodegroupName: string, { at, message }: FailedLaunch) => ({
  ...{ source: OWN_SOURCE, 'detail-type': NODEGROUP_ISSUE },
  // Whole seconds, as EventBridge's own events have them: one that came all the same is the same notice.
  time: new Date(Math.floor(at) * 1000).toISOString(),
  detail: { nodegroupName, code: LAUNCH_FAILURES, message },
});

const PARSERS: Readonly<Record<string, z.ZodType<SpotEvent>>> = {
  'aws.ec2/EC2 Spot Instance Interruption Warning': interruption,
  'aws.ec2/EC2 Instance Rebalance Recommendation': rebalance,
  'aws.autoscaling/EC2 Instance Launch Unsuccessful': launchFailure,
  [`${OWN_SOURCE}/${NODEGROUP_ISSUE}`]: nodegroupIssue,
};

const envelope = z.object({ source: z.string(), 'detail-type': z.string() });

/**
 * Reads an event as EventBridge delivers it.
 *
 * @throws ZodError for an event of a known kind that is not as AWS documents it
 */
export function parseSpotEvent(event: unknown): SpotEvent {
  const known = envelope.safeParse(event);
  if (!known.success) return notOurs('it is no event of EventBridge');
  const kind = `${known.data.source}/${known.data['detail-type']}`;
  const parser = Object.hasOwn(PARSERS, kind) ? PARSERS[kind] : undefined;
  return parser ? parser.parse(event) : notOurs(`nothing is known of ${kind}`);
}

const notOurs = (why: string): SpotEvent => ({ kind: 'not-ours', why });

const UNKNOWN = 'Unknown';

/**
 * The error code in Auto Scaling's words: `Could not launch Spot Instances. UnfulfillableCapacity - Unable to …` or
 * `We currently do not have sufficient … capacity`, without one. Source: Amazon EC2 Auto Scaling, 'Troubleshoot: EC2
 * instance launch failures'.
 */
function codeIn(message: string): string {
  const named = message.match(/(?:^|[\s.])([A-Z][A-Za-z]+(?:\.[A-Z][A-Za-z]+)*) - /)?.[1];
  if (named) return named;
  if (/sufficient .*capacity|no Spot capacity/i.test(message)) return 'InsufficientInstanceCapacity';
  return UNKNOWN;
}

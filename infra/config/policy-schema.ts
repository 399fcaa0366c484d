import { z } from 'zod';

const hoursMinutes = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'write the time as HH:MM, 00:00 to 23:59');

const isTimeZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};

const scheduleFloorSchema = z.strictObject({
  days: z
    .array(z.int().min(1).max(7))
    .min(1)
    .describe('The days on which the window begins: 1 is Monday, 7 is Sunday.')
    .meta({ unit: 'ISO weekday' }),
  from: hoursMinutes.describe('Local time at which the floor begins, inclusive.').meta({ unit: 'HH:MM' }),
  to: hoursMinutes
    .describe('Local time at which it ends, exclusive. Earlier than `from` means the next day.')
    .meta({ unit: 'HH:MM' }),
  timeZone: z
    .string()
    .refine(isTimeZone, 'use an IANA time zone, such as "Europe/Berlin" or "UTC"')
    .default('UTC')
    .describe('IANA time zone in which `from`, `to` and `days` are meant.'),
  replicas: z
    .int()
    .min(1)
    .max(1000)
    .describe('Replicas that are kept at least while the window is open.')
    .meta({ unit: 'replicas' }),
});

/** EKS drains a node for 15 minutes at most; 40 s of it remain for handing work back and for the pod to end. */
const MAX_DRAIN_DEADLINE_SECONDS = 860;

export const policySchema = z.strictObject({
  targetWaitSeconds: z
    .number()
    .min(1)
    .max(3600)
    .default(10)
    .describe('A request should start within this time of being submitted. Sizing follows from it.')
    .meta({ unit: 'seconds' }),
  attainment: z
    .number()
    .min(0.5)
    .max(0.9999)
    .default(0.98)
    .describe(
      'Share of requests that should start in time. Higher keeps more replicas for bursts that recur.',
    )
    .meta({ unit: 'share' }),
  minReplicas: z
    .int()
    .min(0)
    .max(1000)
    .default(1)
    .describe('Replicas that are kept when nothing is to do. 0 lets the fleet sleep.')
    .meta({ unit: 'replicas' }),
  maxReplicas: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      'Replicas at most, over all pools. Those that EC2 takes back are not counted, and up to a quarter more may run while ' +
        'spot replaces on-demand.',
    )
    .meta({ unit: 'replicas', defaultText: "the sum of the pools' `max`" }),
  activationBacklog: z
    .int()
    .min(1)
    .max(100_000)
    .default(1)
    .describe('Messages that must wait before a fleet that sleeps at zero wakes. Also the alarm threshold.')
    .meta({ unit: 'messages' }),
  idleSeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(300)
    .describe('A fleet whose `minReplicas` is 0 sleeps after this long without work.')
    .meta({ unit: 'seconds' }),
  schedule: z
    .array(scheduleFloorSchema)
    .max(50)
    .default([])
    .describe(
      'Floors by the clock, for load that is known in advance: their replicas are warm when the window begins. The highest open one counts.',
    ),
  costCapPerHour: z
    .number()
    .min(0)
    .default(0)
    .describe("No plan may cost more than this per hour, by the pools' `pricePerHour`. 0 means no cap.")
    .meta({ unit: 'US dollars per hour' }),
  maxStepOut: z
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .describe('Replicas that one tick may add. 0 means no limit.')
    .meta({ unit: 'replicas per tick' }),
  maxStepIn: z
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .describe('Replicas that one tick may start to drain. 0 means no limit.')
    .meta({ unit: 'replicas per tick' }),
  spotShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.8)
    .describe('Share of the replicas that may run on spot capacity.')
    .meta({ unit: 'share' }),
  onDemandBase: z
    .int()
    .min(0)
    .max(1000)
    .default(1)
    .describe('Replicas that are on-demand before any is spot.')
    .meta({ unit: 'replicas' }),
  tickSeconds: z
    .number()
    .min(1)
    .max(60)
    .default(5)
    .describe('Time between two rounds of observe, decide, act while there is work.')
    .meta({ unit: 'seconds' }),
  drainDeadlineSeconds: z
    .number()
    .min(5)
    .max(MAX_DRAIN_DEADLINE_SECONDS)
    .default(120)
    .describe(
      'A drained replica that is still busy after this long hands its work back to the queue. ' +
        'EKS drains a node for 900 seconds at most, so this stays below.',
    )
    .meta({ unit: 'seconds' }),
  fallbackDelaySeconds: z
    .number()
    .min(0)
    .max(900)
    .default(30)
    .describe(
      'Of the need of a pool that failed to give capacity, what is only kept for what may come stays with it for this long ' +
        'before other pools take it over: capacity often comes on the next try, and on-demand costs more. What arrives and ' +
        'waits goes to other pools at once.',
    )
    .meta({ unit: 'seconds' }),
  quarantineSeconds: z
    .number()
    .min(10)
    .max(3600)
    .default(60)
    .describe(
      'A pool that failed to give capacity is not asked again for this long. Each failure soon after lengthens it by a quarter.',
    )
    .meta({ unit: 'seconds' }),
  quarantineMaxSeconds: z
    .number()
    .min(10)
    .max(86_400)
    .default(3600)
    .describe('The longest time that a pool is not asked again. At least `quarantineSeconds`.')
    .meta({ unit: 'seconds' }),
});

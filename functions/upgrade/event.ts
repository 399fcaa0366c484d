import * as z from 'zod';
import { verdictSchema } from '../../core/protocol/verdict.ts';
import type { Health } from '../../core/upgrade/inventory.ts';
import type { UpgradePlan } from '../../core/upgrade/plan.ts';
import type { Tally } from '../../core/upgrade/tally.ts';
import { parseEvent } from '../shared/parse.ts';

export const STEPS = [
  'begin',
  'canary',
  'roll',
  'nodes',
  'control-plane',
  'addons',
  'bake',
  'back',
  'end',
] as const;
export type Step = (typeof STEPS)[number];

/** What goes from one step to the next through the execution. */
export interface StepState {
  /** Which of the plan's changes, of a canary. */
  index: number;
  /** When this step began, epoch seconds; 0 before. */
  since: number;
  /** When the canary was asked first; 0 before. */
  askedSince: number;
  tally?: Tally | undefined;
  /** Answers of replicas that were replaced already. */
  rolled?: Tally | undefined;
  /** Steps of the plan that are behind. */
  finished: string[];
  /** What EKS was asked to change last; empty: nothing is under way. */
  current: string;
  /** `bake`: since when the system is not healthy. */
  ailingSince?: number | undefined;
  /** Why the current one failed. */
  why?: string | undefined;
}

/** What the state machine `upgrade` asks. */
export interface UpgradeEvent {
  step: Step;
  /** Id of the execution: the holder of the lock. */
  execution: string;
  /** When it began, epoch seconds. */
  startedAt: number;
  /** `begin`: whatever someone gave. */
  request?: unknown;
  /** `begin`, `bake`: what the health check said; undefined where it gave no verdict. */
  health?: Health | undefined;
  /** What `begin` decided. */
  plan?: UpgradePlan | undefined;
  state?: StepState | undefined;
  /** What EKS answered to the last call: the id of its update, or its refusal. */
  update?: { id?: string | undefined; Error?: string | undefined; Cause?: string | undefined } | undefined;
  /** `end`: how it came out, and why. */
  outcome?: 'upgraded' | 'rolled-back' | 'stopped' | undefined;
  reason?: string | undefined;
}

const schema = z.strictObject({
  step: z.enum(STEPS),
  execution: z.string().min(1),
  startedAt: z.iso.datetime().transform((text) => Date.parse(text) / 1000),
  request: z.unknown().optional(),
  // Whatever else it may be (the error of a function that failed): there is no verdict.
  health: verdictSchema.omit({ at: true }).optional().catch(undefined),
  // Made by `begin` of the same code, and carried by the execution as they were.
  plan: z.custom<UpgradePlan>((value) => typeof value === 'object' && value !== null).optional(),
  state: z.custom<StepState>((value) => typeof value === 'object' && value !== null).optional(),
  update: z
    .looseObject({ id: z.string().optional(), Error: z.string().optional(), Cause: z.string().optional() })
    .optional(),
  outcome: z.enum(['upgraded', 'rolled-back', 'stopped']).optional(),
  reason: z.string().optional(),
});

/** Throws `InvalidEvent` that names what is wrong. */
export const parseUpgradeEvent = (event: unknown): UpgradeEvent => parseEvent(schema, event, 'upgrade');

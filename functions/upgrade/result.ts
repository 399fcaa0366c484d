import type { UpgradePlan } from '../../core/upgrade/plan.ts';
import type { Obstacle } from '../../core/upgrade/preflight.ts';
import type { StepState } from './event.ts';

/** What the state machine gets back from a step. */
export interface StepResult {
  /**
   * `begin`: `go`, `plan-only`, `refused`. `canary`, `roll` and the steps of EKS: `wait`, `call`, `done`, `failed`. `back`: `wait`,
   * `done`. `end`: `done`.
   */
  outcome: 'go' | 'plan-only' | 'refused' | 'wait' | 'call' | 'done' | 'failed';
  /** One sentence for whoever watches. */
  say: string;
  /** Until the step is asked again; at least 1. */
  waitSeconds: number;
  state: StepState;
  /** `begin`: what is going to be done, and what stands in the way. */
  plan?: UpgradePlan;
  obstacles?: Obstacle[];
  /** `begin`: what is written where when all is done. */
  record?: { name: string; value: string };
  /** `begin`: the fleets that change. */
  fleets?: string[];
  /** `call`: what the state machine asks AWS for. */
  call?: Record<string, string>;
}

export const newState = (): StepState => ({
  index: 0,
  since: 0,
  askedSince: 0,
  finished: [],
  current: '',
});

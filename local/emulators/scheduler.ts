import type {
  CreateScheduleCommandInput,
  GetScheduleCommandInput,
  GetScheduleCommandOutput,
  ListSchedulesCommandInput,
  ScheduleSummary,
  Target,
} from '@aws-sdk/client-scheduler';
import { z } from 'zod';
import { AwsError } from '../front/types.ts';
import { type Clock, type Timer, Timers } from './clock.ts';
import type { Deliverer } from './delivery.ts';
import type { Ids } from './ids.ts';
import { Emulator, integer, isoSeconds, page, parse, time } from './operations.ts';
import { parseExpression, type Recurrence } from './schedule-expression.ts';

export interface SchedulerOptions {
  clock: Clock;
  ids: Ids;
  accountId: string;
  region: string;
  deliverer: Deliverer;
  /** AWS invokes within the minute that the expression names: up to this many seconds late. Default 0. */
  imprecisionSeconds?: number;
  onError(error: unknown): void;
}

const GROUP = 'default';

const schedule = z.object({
  Name: z.string().regex(/^[0-9a-zA-Z-_.]{1,64}$/),
  GroupName: z.string().default(GROUP),
  ScheduleExpression: z.string(),
  ScheduleExpressionTimezone: z.string().default('UTC'),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  Description: z.string().optional(),
  StartDate: time.optional(),
  EndDate: time.optional(),
  ActionAfterCompletion: z.enum(['NONE', 'DELETE']).default('NONE'),
  FlexibleTimeWindow: z.object({
    Mode: z.enum(['OFF', 'FLEXIBLE']),
    MaximumWindowInMinutes: integer.min(1).max(1440).optional(),
  }),
  Target: z.looseObject({ Arn: z.string().min(1), RoleArn: z.string().min(1), Input: z.string().optional() }),
});

interface Stored {
  fields: z.output<typeof schedule>;
  target: Target;
  arn: string;
  recurrence: Recurrence;
  created: number;
  modified: number;
  timer?: Timer | undefined;
}

/** EventBridge Scheduler with its default group. */
export class SchedulerEmulator extends Emulator {
  readonly service = 'scheduler';
  readonly #options: SchedulerOptions;
  readonly #timers: Timers;
  readonly #schedules = new Map<string, Stored>();

  constructor(options: SchedulerOptions) {
    super();
    this.#options = options;
    this.#timers = new Timers(options.clock, options.onError);
  }

  protected readonly operations = {
    CreateSchedule: (input: CreateScheduleCommandInput) => this.createSchedule(input),
    UpdateSchedule: (input: CreateScheduleCommandInput) => this.updateSchedule(input),
    GetSchedule: (input: GetScheduleCommandInput) => this.getSchedule(input),
    DeleteSchedule: (input: GetScheduleCommandInput) => this.deleteSchedule(input),
    ListSchedules: (input: ListSchedulesCommandInput) => this.listSchedules(input),
  };

  createSchedule(input: CreateScheduleCommandInput): { ScheduleArn: string } {
    if (this.#schedules.has(input.Name ?? '')) {
      throw new AwsError('ConflictException', `Schedule ${input.Name} already exists.`, 409);
    }
    return { ScheduleArn: this.#store(input, this.#options.clock.now()).arn };
  }

  /** Replaces everything: what the input leaves out goes back to its default. */
  updateSchedule(input: CreateScheduleCommandInput): { ScheduleArn: string } {
    const old = this.#find(input);
    const stored = this.#store(input, old.created);
    old.timer?.cancel();
    return { ScheduleArn: stored.arn };
  }

  #store(input: CreateScheduleCommandInput, created: number): Stored {
    const now = this.#options.clock.now();
    const fields = parse(schedule, input, 'ValidationException');
    this.#checkGroup(fields.GroupName);
    // A rate without a start date starts at once.
    const anchor = fields.StartDate ?? now;
    const recurrence = parseExpression(fields.ScheduleExpression, anchor, fields.ScheduleExpressionTimezone);
    if (!recurrence) {
      throw new AwsError('ValidationException', `Invalid Schedule Expression ${fields.ScheduleExpression}.`);
    }
    const arn = `arn:aws:scheduler:${this.#options.region}:${this.#options.accountId}:schedule/${fields.GroupName}/${fields.Name}`;
    const target = fields.Target as Target;
    const stored: Stored = { fields, target, arn, recurrence, created, modified: now };
    this.#schedules.set(fields.Name, stored);
    this.#arm(stored, Math.max(now, recurrence.once ? now : anchor));
    return stored;
  }

  getSchedule(input: GetScheduleCommandInput): Omit<GetScheduleCommandOutput, '$metadata'> {
    const { fields, target, arn, created, modified } = this.#find(input);
    const { StartDate, EndDate, Description, ...rest } = fields;
    return {
      ...rest,
      Target: target,
      Arn: arn,
      CreationDate: new Date(created),
      LastModificationDate: new Date(modified),
      ...(Description === undefined ? {} : { Description }),
      ...(StartDate === undefined ? {} : { StartDate: new Date(StartDate) }),
      ...(EndDate === undefined ? {} : { EndDate: new Date(EndDate) }),
      FlexibleTimeWindow: rest.FlexibleTimeWindow as GetScheduleCommandOutput['FlexibleTimeWindow'],
    };
  }

  deleteSchedule(input: GetScheduleCommandInput): object {
    const stored = this.#find(input);
    stored.timer?.cancel();
    this.#schedules.delete(stored.fields.Name);
    return {};
  }

  listSchedules(input: ListSchedulesCommandInput): { Schedules: ScheduleSummary[]; NextToken?: string } {
    this.#checkGroup(input.GroupName ?? GROUP);
    const all = [...this.#schedules.values()]
      .filter(({ fields }) => fields.Name.startsWith(input.NamePrefix ?? ''))
      .filter(({ fields }) => input.State === undefined || fields.State === input.State)
      .sort((a, b) => a.fields.Name.localeCompare(b.fields.Name))
      .map(
        ({ fields, arn, created, modified }): ScheduleSummary => ({
          Name: fields.Name,
          GroupName: fields.GroupName,
          Arn: arn,
          State: fields.State,
          CreationDate: new Date(created),
          LastModificationDate: new Date(modified),
          Target: { Arn: fields.Target.Arn },
        }),
      );
    const size = parse(integer.min(1).max(100).default(100), input.MaxResults, 'ValidationException');
    const { items, nextToken } = page(
      all,
      size,
      input.NextToken,
      () => new AwsError('ValidationException', 'Invalid NextToken.'),
    );
    return { Schedules: items, ...(nextToken ? { NextToken: nextToken } : {}) };
  }

  #arm(stored: Stored, from: number): void {
    const due = stored.recurrence.next(from);
    const { EndDate, FlexibleTimeWindow, ActionAfterCompletion, Name } = stored.fields;
    if (due === undefined || (EndDate !== undefined && due >= EndDate)) {
      stored.timer = undefined;
      if (ActionAfterCompletion === 'DELETE') this.#schedules.delete(Name);
      return;
    }
    const late = this.#options.ids.random() * (this.#options.imprecisionSeconds ?? 0) * 1000;
    const window =
      FlexibleTimeWindow.Mode === 'FLEXIBLE' ? (FlexibleTimeWindow.MaximumWindowInMinutes ?? 0) * 60_000 : 0;
    const at = due + late + window * this.#options.ids.random();
    stored.timer = this.#timers.after(at - this.#options.clock.now(), () => {
      if (stored.fields.State === 'ENABLED') this.#invoke(stored, due);
      // What a sleeping machine missed is not made up for.
      this.#arm(stored, due + Math.max(1, this.#options.clock.now() - at));
    });
  }

  #invoke(stored: Stored, due: number): void {
    const { target, arn } = stored;
    const context: Record<string, string> = {
      'aws.scheduler.schedule-arn': arn,
      'aws.scheduler.scheduled-time': isoSeconds(due),
      'aws.scheduler.execution-id': this.#options.ids.hex(16),
      'aws.scheduler.attempt-number': '1',
    };
    this.#options.deliverer.send(
      {
        targetArn: target.Arn ?? '',
        input: (target.Input ?? '{}').replace(
          /<(aws\.scheduler\.[a-z-]+)>/g,
          (token, name: string) => context[name] ?? token,
        ),
        roleArn: target.RoleArn,
        origin: arn,
      },
      {
        maximumRetryAttempts: target.RetryPolicy?.MaximumRetryAttempts,
        maximumEventAgeInSeconds: target.RetryPolicy?.MaximumEventAgeInSeconds,
        deadLetterArn: target.DeadLetterConfig?.Arn,
      },
    );
  }

  #find(input: GetScheduleCommandInput): Stored {
    this.#checkGroup(input.GroupName ?? GROUP);
    const stored = this.#schedules.get(input.Name ?? '');
    if (!stored)
      throw new AwsError('ResourceNotFoundException', `Schedule ${input.Name} does not exist.`, 404);
    return stored;
  }

  #checkGroup(name: string): void {
    if (name !== GROUP)
      throw new AwsError('ResourceNotFoundException', `Schedule group ${name} does not exist.`, 404);
  }

  dispose(): void {
    this.#timers.dispose();
  }
}

import type {
  DescribeRuleCommandInput,
  ListRulesCommandInput,
  ListTargetsByRuleCommandInput,
  PutEventsCommandInput,
  PutEventsResultEntry,
  PutRuleCommandInput,
  PutTargetsCommandInput,
  RemoveTargetsCommandInput,
  Rule,
  Target,
  TestEventPatternCommandInput,
} from '@aws-sdk/client-eventbridge';
import { z } from 'zod';
import { AwsError } from '../front/types.ts';
import { type Clock, type Timer, Timers } from './clock.ts';
import type { Deliverer } from './delivery.ts';
import { entryEvent, entryProblem, entryTime, type ServiceEvent } from './event-entry.ts';
import { matchesPattern, parsePattern } from './event-pattern.ts';
import { checkTarget, type Event, targetInput } from './event-target.ts';
import type { Ids } from './ids.ts';
import { Emulator, integer, isoSeconds, page, parse } from './operations.ts';
import { parseExpression, type Recurrence } from './schedule-expression.ts';

export interface EventSink {
  emit(event: ServiceEvent): void;
}

export interface EventsOptions {
  clock: Clock;
  ids: Ids;
  accountId: string;
  region: string;
  deliverer: Deliverer;
  onError(error: unknown): void;
}

interface StoredRule {
  rule: Rule & { Name: string; Arn: string };
  pattern?: Record<string, unknown>;
  recurrence?: Recurrence;
  timer?: Timer;
  targets: Map<string, Target>;
}

const BUS = 'default';

const putRule = z.object({
  Name: z.string().regex(/^[.\-_A-Za-z0-9]{1,64}$/),
  EventPattern: z.string().optional(),
  ScheduleExpression: z.string().optional(),
  State: z.enum(['ENABLED', 'DISABLED', 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS']).default('ENABLED'),
  Description: z.string().optional(),
  RoleArn: z.string().optional(),
  EventBusName: z.string().optional(),
});

/** EventBridge with its default bus: rules with patterns or schedules, and their targets. */
export class EventsEmulator extends Emulator implements EventSink {
  readonly service = 'events';
  readonly #options: EventsOptions;
  readonly #timers: Timers;
  readonly #rules = new Map<string, StoredRule>();

  constructor(options: EventsOptions) {
    super();
    this.#options = options;
    this.#timers = new Timers(options.clock, options.onError);
  }

  protected readonly operations = {
    PutRule: (input: PutRuleCommandInput) => this.putRule(input),
    DeleteRule: (input: DescribeRuleCommandInput) => this.deleteRule(input),
    DescribeRule: (input: DescribeRuleCommandInput) => this.#rule(input).rule,
    EnableRule: (input: DescribeRuleCommandInput) => this.#setState(input, 'ENABLED'),
    DisableRule: (input: DescribeRuleCommandInput) => this.#setState(input, 'DISABLED'),
    ListRules: (input: ListRulesCommandInput) => this.listRules(input),
    PutTargets: (input: PutTargetsCommandInput) => this.putTargets(input),
    RemoveTargets: (input: RemoveTargetsCommandInput) => this.removeTargets(input),
    ListTargetsByRule: (input: ListTargetsByRuleCommandInput) => this.listTargets(input),
    PutEvents: (input: PutEventsCommandInput) => this.putEvents(input),
    TestEventPattern: (input: TestEventPatternCommandInput) => ({
      Result: matchesPattern(parsePattern(input.EventPattern ?? ''), JSON.parse(input.Event ?? '{}')),
    }),
  };

  putRule(input: PutRuleCommandInput): { RuleArn: string } {
    const fields = parse(putRule, input, 'ValidationException');
    this.#checkBus(fields.EventBusName);
    const { EventPattern, ScheduleExpression } = fields;
    if (EventPattern === undefined && ScheduleExpression === undefined) {
      throw new AwsError(
        'ValidationException',
        'Parameter(s) EventPattern or ScheduleExpression must be specified.',
      );
    }
    const pattern = EventPattern === undefined ? undefined : parsePattern(EventPattern);
    const recurrence = this.#recurrence(ScheduleExpression);
    const arn = this.#arn(`rule/${fields.Name}`);
    const old = this.#rules.get(fields.Name);
    old?.timer?.cancel();
    const stored: StoredRule = {
      rule: { ...fields, Arn: arn, EventBusName: BUS },
      ...(pattern ? { pattern } : {}),
      ...(recurrence ? { recurrence } : {}),
      targets: old?.targets ?? new Map(),
    };
    this.#rules.set(fields.Name, stored);
    // A scheduled rule first runs one period after it was made.
    this.#arm(stored, this.#options.clock.now() + 1);
    return { RuleArn: arn };
  }

  #recurrence(expression: string | undefined): Recurrence | undefined {
    if (expression === undefined) return undefined;
    const recurrence = parseExpression(expression, this.#options.clock.now());
    if (!recurrence || recurrence.once) {
      throw new AwsError('ValidationException', 'Parameter ScheduleExpression is not valid.');
    }
    return recurrence;
  }

  deleteRule(input: DescribeRuleCommandInput): object {
    const stored = this.#rules.get(input.Name ?? '');
    if (!stored) return {};
    if (stored.targets.size > 0) {
      throw new AwsError('ValidationException', "Rule can't be deleted since it has targets.");
    }
    stored.timer?.cancel();
    this.#rules.delete(stored.rule.Name);
    return {};
  }

  #setState(input: DescribeRuleCommandInput, state: 'ENABLED' | 'DISABLED'): object {
    this.#rule(input).rule.State = state;
    return {};
  }

  listRules(input: ListRulesCommandInput): { Rules: Rule[]; NextToken?: string } {
    this.#checkBus(input.EventBusName);
    const rules = [...this.#rules.values()]
      .map(({ rule }) => rule)
      .filter((rule) => rule.Name.startsWith(input.NamePrefix ?? ''))
      .sort((a, b) => a.Name.localeCompare(b.Name));
    const { items, nextToken } = this.#page(rules, input.Limit, input.NextToken);
    return { Rules: items, ...(nextToken ? { NextToken: nextToken } : {}) };
  }

  putTargets(input: PutTargetsCommandInput): { FailedEntryCount: number; FailedEntries: [] } {
    const stored = this.#rule({ Name: input.Rule, EventBusName: input.EventBusName });
    const targets = input.Targets ?? [];
    for (const target of targets) {
      if (!target.Id || !target.Arn)
        throw new AwsError('ValidationException', 'Each target needs an Id and an Arn.');
      checkTarget(target);
    }
    for (const target of targets) stored.targets.set(target.Id ?? '', target);
    if (stored.targets.size > 5) {
      for (const target of targets) stored.targets.delete(target.Id ?? '');
      throw new AwsError(
        'LimitExceededException',
        'The requested resource exceeds the maximum number allowed: 5 targets per rule.',
      );
    }
    return { FailedEntryCount: 0, FailedEntries: [] };
  }

  removeTargets(input: RemoveTargetsCommandInput): { FailedEntryCount: number; FailedEntries: [] } {
    const stored = this.#rule({ Name: input.Rule, EventBusName: input.EventBusName });
    for (const id of input.Ids ?? []) stored.targets.delete(id);
    return { FailedEntryCount: 0, FailedEntries: [] };
  }

  listTargets(input: ListTargetsByRuleCommandInput): { Targets: Target[]; NextToken?: string } {
    const stored = this.#rule({ Name: input.Rule, EventBusName: input.EventBusName });
    const { items, nextToken } = this.#page([...stored.targets.values()], input.Limit, input.NextToken);
    return { Targets: items, ...(nextToken ? { NextToken: nextToken } : {}) };
  }

  /** Entries are accepted or refused one by one; 10 at most. */
  putEvents(input: PutEventsCommandInput): { FailedEntryCount: number; Entries: PutEventsResultEntry[] } {
    const entries = input.Entries ?? [];
    if (entries.length < 1 || entries.length > 10) {
      throw new AwsError(
        'ValidationException',
        "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10",
      );
    }
    const results = entries.map((entry): PutEventsResultEntry => {
      if (entry.EventBusName !== undefined) this.#checkBus(entry.EventBusName);
      const problem = entryProblem(entry);
      if (problem) return problem;
      const event = this.#event(entryEvent(entry), entryTime(entry));
      this.#route(event);
      return { EventId: event.id };
    });
    return { FailedEntryCount: results.filter((result) => result.ErrorCode).length, Entries: results };
  }

  /** Puts the event of an AWS service on the default bus. */
  emit(event: ServiceEvent): void {
    this.#route(this.#event(event));
  }

  #event(event: ServiceEvent, time = this.#options.clock.now()): Event {
    return {
      version: '0',
      id: this.#options.ids.uuid(),
      'detail-type': event.detailType,
      source: event.source,
      account: this.#options.accountId,
      time: isoSeconds(time),
      region: this.#options.region,
      resources: event.resources,
      detail: event.detail,
    };
  }

  #route(event: Event): void {
    for (const stored of this.#rules.values()) {
      if (stored.pattern && matchesPattern(stored.pattern, event)) this.#deliver(stored, event);
    }
  }

  #deliver({ rule, targets }: StoredRule, event: Event): void {
    if (rule.State === 'DISABLED') return;
    const ingestion = isoSeconds(this.#options.clock.now());
    for (const target of targets.values()) {
      this.#options.deliverer.send(
        {
          targetArn: target.Arn ?? '',
          input: targetInput(target, event, { name: rule.Name, arn: rule.Arn }, ingestion),
          roleArn: target.RoleArn,
          origin: rule.Arn,
        },
        {
          maximumRetryAttempts: target.RetryPolicy?.MaximumRetryAttempts,
          maximumEventAgeInSeconds: target.RetryPolicy?.MaximumEventAgeInSeconds,
          deadLetterArn: target.DeadLetterConfig?.Arn,
        },
      );
    }
  }

  #arm(stored: StoredRule, from: number): void {
    const due = stored.recurrence?.next(from);
    if (due === undefined) return;
    stored.timer = this.#timers.after(due - this.#options.clock.now(), () => {
      this.#arm(stored, due + 1);
      this.#deliver(
        stored,
        this.#event(
          { source: 'aws.events', detailType: 'Scheduled Event', resources: [stored.rule.Arn], detail: {} },
          due,
        ),
      );
    });
  }

  #rule(input: { Name?: string | undefined; EventBusName?: string | undefined }): StoredRule {
    this.#checkBus(input.EventBusName);
    const stored = this.#rules.get(input.Name ?? '');
    if (!stored)
      throw new AwsError(
        'ResourceNotFoundException',
        `Rule ${input.Name} does not exist on EventBus ${BUS}.`,
      );
    return stored;
  }

  #checkBus(name: string | undefined): void {
    if (name !== undefined && name !== BUS && name !== this.#arn(`event-bus/${BUS}`)) {
      throw new AwsError('ResourceNotFoundException', `Event bus ${name} does not exist.`);
    }
  }

  #page<T>(items: T[], limit: unknown, token: string | undefined) {
    const size = parse(integer.min(1).max(100).default(100), limit, 'ValidationException');
    return page(items, size, token, () => new AwsError('ValidationException', 'The NextToken is not valid.'));
  }

  #arn(resource: string): string {
    return `arn:aws:events:${this.#options.region}:${this.#options.accountId}:${resource}`;
  }

  dispose(): void {
    this.#timers.dispose();
  }
}

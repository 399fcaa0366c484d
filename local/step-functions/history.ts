import type { Execution, HistoryEvent } from './execution.ts';

type ApiEvent = Record<string, unknown>;

/** An execution's events as `GetExecutionHistory` gives them; the engine's own bookkeeping (retries) has none there. */
export function historyEvents(execution: Execution): ApiEvent[] {
  return execution.history
    .map((event) => apiEvent(event, execution))
    .filter((event) => event !== undefined)
    .map((event, index) => ({ id: index + 1, previousEventId: index, ...event }));
}

function apiEvent(event: HistoryEvent, execution: Execution): ApiEvent | undefined {
  const timestamp = new Date(event.at);
  const failure = { error: event.error, cause: event.cause };
  switch (event.type) {
    case 'ExecutionStarted':
      return { type: event.type, timestamp, executionStartedEventDetails: { input: execution.input } };
    case 'ExecutionSucceeded':
      return { type: event.type, timestamp, executionSucceededEventDetails: { output: execution.output } };
    case 'ExecutionFailed':
    case 'ExecutionAborted':
    case 'ExecutionTimedOut': {
      const details = `e${event.type.slice(1)}EventDetails`;
      return { type: event.type, timestamp, [details]: failure };
    }
    case 'StateEntered':
      return {
        type: `${event.stateType}StateEntered`,
        timestamp,
        stateEnteredEventDetails: { name: event.state, input: event.input },
      };
    case 'StateExited':
      return {
        type: `${event.stateType}StateExited`,
        timestamp,
        stateExitedEventDetails: { name: event.state, output: event.output },
      };
    case 'StateFailed':
      return event.stateType === 'Task'
        ? { type: 'TaskFailed', timestamp, taskFailedEventDetails: failure }
        : undefined;
    default:
      return event.type.startsWith('MapIteration') ? { type: event.type, timestamp } : undefined;
  }
}

/** One Task of a definition, wherever it is nested. */
export interface TaskState {
  name: string;
  resource: string;
}

interface States {
  States: Record<string, Record<string, unknown>>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Definitions nested in a Map or Parallel state. */
function nested(state: Record<string, unknown>): States[] {
  const candidates = [
    state.ItemProcessor,
    state.Iterator,
    ...(Array.isArray(state.Branches) ? state.Branches : []),
  ];
  return candidates.filter((candidate): candidate is States & Record<string, unknown> => isObject(candidate));
}

/**
 * Every Task state of a definition, those inside Map and Parallel states included.
 *
 * @throws Error when two Tasks share a name (handlers go by name) or the definition uses JSONata, which the engine would
 * ignore without a word.
 */
export function tasksOf(definition: unknown, machine: string): TaskState[] {
  const tasks: TaskState[] = [];
  const walk = (states: States): void => {
    refuseJsonata(states as unknown as Record<string, unknown>, machine, 'the definition');
    for (const [name, state] of Object.entries(states.States)) {
      refuseJsonata(state, machine, `state '${name}'`);
      if (state.Type === 'Task') {
        if (tasks.some((task) => task.name === name)) {
          throw new Error(`${machine}: two Task states are called '${name}'; give each its own name.`);
        }
        tasks.push({ name, resource: String(state.Resource) });
      }
      for (const inner of nested(state)) walk(inner);
    }
  };
  if (!isObject(definition) || !isObject(definition.States)) {
    throw new Error(`${machine}: not an Amazon States Language definition (it has no States).`);
  }
  walk(definition as unknown as States);
  return tasks;
}

function refuseJsonata(part: Record<string, unknown>, machine: string, where: string): void {
  if (part.QueryLanguage === 'JSONata' || 'Arguments' in part || 'Output' in part || 'Assign' in part) {
    throw new Error(
      `${machine}: ${where} uses JSONata or variables, which the local engine does not run; use JSONPath.`,
    );
  }
}

/** One Task of a definition, wherever it is nested. */
export interface TaskState {
  name: string;
  resource: string;
}

/** A definition as the engine runs it, and its Tasks. */
export interface PreparedDefinition {
  readonly definition: Readonly<Record<string, unknown>>;
  readonly tasks: readonly TaskState[];
  /** Names of all states, by the key under which the context object holds them. */
  readonly stateNames: Readonly<Record<string, string>>;
}

type State = Record<string, unknown>;
interface States {
  States: Record<string, State>;
}

/** The engine gives a Task 60 s unless told otherwise, AWS 99,999,999; a timer here holds 2,147,483 at most. */
const NO_TASK_TIMEOUT_SECONDS = 2_000_000;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Every Task state of a definition, those inside Map and Parallel states included.
 *
 * @throws Error when two Tasks share a name (handlers go by name), or the definition uses what the engine would ignore
 * without a word: JSONata, variables, distributed maps, roles of a Task's own.
 */
export function tasksOf(definition: unknown, machine: string): TaskState[] {
  const tasks: TaskState[] = [];
  walk(definition, machine, (name, state) => {
    if (state.Type !== 'Task') return;
    if (tasks.some((task) => task.name === name)) {
      throw new Error(`${machine}: two Task states are called '${name}'; give each its own name.`);
    }
    tasks.push({ name, resource: String(state.Resource) });
  });
  return tasks;
}

/**
 * Evens out where the engine differs from AWS: a Task without a time-out gets (nearly) none, and paths into the context
 * object (`$$.Execution…`, `$$.State.Name`) are led to values that hold inside Map and Parallel states too, where the
 * engine would give the iteration's own.
 */
export function prepareDefinition(source: unknown, machine: string): PreparedDefinition {
  const tasks = tasksOf(source, machine);
  const stateNames: Record<string, string> = {};
  const definition = structuredClone(source) as Record<string, unknown>;
  walk(definition, machine, (name, state) => {
    const key = `s${Object.keys(stateNames).length}`;
    stateNames[key] = name;
    if (state.Type === 'Task' && !('TimeoutSeconds' in state) && !('TimeoutSecondsPath' in state)) {
      state.TimeoutSeconds = NO_TASK_TIMEOUT_SECONDS;
    }
    for (const [field, value] of Object.entries(state)) {
      if (!['ItemProcessor', 'Iterator', 'Branches'].includes(field)) {
        state[field] = redirect(value, key, machine, name);
      }
    }
  });
  return { definition, tasks, stateNames };
}

function redirect(value: unknown, key: string, machine: string, state: string): unknown {
  if (Array.isArray(value)) return value.map((item) => redirect(item, key, machine, state));
  if (isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([field, item]) => [field, redirect(item, key, machine, state)]),
    );
  }
  if (typeof value !== 'string' || !value.includes('$$.')) return value;
  if (/\$\$\.(Task\b|State\.(?!Name\b|EnteredTime\b))/.test(value)) {
    throw new Error(`${machine}: state '${state}' reads '${value}', which the local engine does not give.`);
  }
  return value
    .replace(/\$\$\.Execution\b/g, '$$$$.Whole')
    .replace(/\$\$\.State\.Name\b/g, `$$$$.StateNames.${key}`)
    .replace(/\$\$\.State\.EnteredTime\b/g, '$$$$.Clock.Now');
}

function walk(definition: unknown, machine: string, visit: (name: string, state: State) => void): void {
  if (!isObject(definition) || !isObject(definition.States)) {
    throw new Error(`${machine}: not an Amazon States Language definition (it has no States).`);
  }
  refuse(definition, machine, 'the definition');
  for (const [name, state] of Object.entries((definition as unknown as States).States)) {
    refuse(state, machine, `state '${name}'`);
    visit(name, state);
    for (const inner of nested(state)) walk(inner, machine, visit);
  }
}

/** Definitions nested in a Map or Parallel state. */
function nested(state: State): Record<string, unknown>[] {
  const candidates = [
    state.ItemProcessor,
    state.Iterator,
    ...(Array.isArray(state.Branches) ? state.Branches : []),
  ];
  return candidates.filter(isObject);
}

function refuse(part: State, machine: string, where: string): void {
  if (part.QueryLanguage === 'JSONata' || 'Arguments' in part || 'Output' in part || 'Assign' in part) {
    throw new Error(
      `${machine}: ${where} uses JSONata or variables, which the local engine does not run; use JSONPath.`,
    );
  }
  const config = isObject(part.ItemProcessor) ? part.ItemProcessor.ProcessorConfig : undefined;
  if ('ItemReader' in part || 'ItemBatcher' in part || (isObject(config) && config.Mode === 'DISTRIBUTED')) {
    throw new Error(`${machine}: ${where} is a distributed map, which the local engine does not run.`);
  }
  if ('Credentials' in part) {
    throw new Error(
      `${machine}: ${where} has Credentials; locally a Task runs under its machine's role only.`,
    );
  }
}

import { fromSdk, schemasOf, toSdk } from './casing.ts';
import { type ClientSettings, OPTIMIZED, type SdkClient, type SdkModule, SERVICES } from './services.ts';
import { type ErrorNames, TaskError, taskError } from './task-error.ts';

export type { ClientSettings } from './services.ts';

/** Runs one Task; rejects with a TaskError, and at once when the signal aborts. */
export type TaskHandler = (input: unknown, signal: AbortSignal) => Promise<unknown>;

interface Call {
  readonly service: string;
  readonly action: string;
  readonly errors: ErrorNames;
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** The Task resources of one state machine, called with the real SDK clients under its role. */
export class Integrations {
  readonly #settings: ClientSettings;
  readonly #clients = new Map<string, SdkClient>();

  constructor(settings: ClientSettings) {
    this.#settings = settings;
  }

  /** The handler of a Resource. Throws Error at once for a resource that the local engine does not know. */
  handler(resource: string): TaskHandler {
    if (resource === 'arn:aws:states:::lambda:invoke') return (input, signal) => this.#invoke(input, signal);
    const call = callOf(resource);
    if (call === undefined)
      throw new Error(`The local engine does not know the Task resource '${resource}'.`);
    return (input, signal) => this.#call(call, input, signal);
  }

  destroy(): void {
    for (const client of this.#clients.values()) client.destroy();
    this.#clients.clear();
  }

  async #call({ service, action, errors }: Call, input: unknown, signal: AbortSignal): Promise<unknown> {
    const sdk = (await SERVICES[service]?.load()) as SdkModule;
    const Command = sdk[`${action}Command`];
    if (Command === undefined)
      throw new TaskError('States.Runtime', `The AWS SDK has no ${service} ${action}.`);
    const schemas = schemasOf(new Command({}));
    const command = new Command(toSdk(schemas.input, input) as object);
    const { $metadata: _, ...output } = await this.#send(service, sdk, command, errors, signal);
    return fromSdk(schemas.output, output);
  }

  /** `lambda:invoke` answers with the payload parsed; a function's own error keeps its type as the error's name. */
  async #invoke(input: unknown, signal: AbortSignal): Promise<unknown> {
    const { Payload, ...parameters } = input as { Payload?: unknown };
    const sdk = (await SERVICES.lambda?.load()) as SdkModule;
    const Command = sdk.InvokeCommand as SdkModule[string];
    const command = new Command({ ...parameters, Payload: JSON.stringify(Payload ?? {}) });
    const answer = await this.#send('lambda', sdk, command, OPTIMIZED.lambda as ErrorNames, signal);
    const text = Buffer.from((answer.Payload as Uint8Array | undefined) ?? []).toString('utf8');
    if (answer.FunctionError !== undefined) {
      throw new TaskError((JSON.parse(text) as { errorType?: string }).errorType ?? 'Lambda.Unknown', text);
    }
    return {
      ExecutedVersion: answer.ExecutedVersion ?? '$LATEST',
      Payload: text === '' ? null : JSON.parse(text),
      StatusCode: answer.StatusCode ?? 200,
    };
  }

  async #send(
    service: string,
    sdk: SdkModule,
    command: object,
    errors: ErrorNames,
    abortSignal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    try {
      return await this.#client(service, sdk).send(command, { abortSignal });
    } catch (error) {
      throw taskError(errors, sdk[SERVICES[service]?.base ?? ''] as never, error);
    }
  }

  /** One attempt: what is to be tried again stands in the definition's `Retry`, where it can be seen. */
  #client(service: string, sdk: SdkModule): SdkClient {
    const known = this.#clients.get(service);
    if (known !== undefined) return known;
    const Client = sdk[SERVICES[service]?.client ?? ''] as SdkModule[string];
    const client = new Client({ ...this.#settings, maxAttempts: 1 }) as SdkClient;
    this.#clients.set(service, client);
    return client;
  }
}

/** `arn:aws:states:::aws-sdk:<service>:<action>`, and the optimized integrations of DynamoDB and Step Functions. */
function callOf(resource: string): Call | undefined {
  if (resource === 'arn:aws:states:::states:startExecution') {
    return { service: 'sfn', action: 'StartExecution', errors: OPTIMIZED.states as ErrorNames };
  }
  const match = /^arn:aws:states:::(aws-sdk:)?([a-z0-9]+):([A-Za-z0-9]+)$/.exec(resource);
  const [, isSdk, service = '', action = ''] = match ?? [];
  const known = SERVICES[service];
  const errors =
    isSdk === undefined ? (service === 'dynamodb' ? OPTIMIZED.dynamodb : undefined) : known?.errors;
  return known === undefined || errors === undefined
    ? undefined
    : { service, action: capitalized(action), errors };
}

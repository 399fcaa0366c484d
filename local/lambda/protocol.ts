/** What the host and a function's process say to each other over IPC. */

export interface InvokeMessage {
  id: string;
  payload: unknown;
  /** Epoch milliseconds. */
  deadline: number;
  functionArn: string;
}

/** An error as the Lambda runtime reports it. */
export interface FunctionErrorBody {
  errorType: string;
  errorMessage: string;
  trace: string[];
}

export type FunctionMessage =
  | { kind: 'ready' }
  | { kind: 'init-error'; error: FunctionErrorBody }
  | { kind: 'result'; id: string; payload: unknown }
  /** Fatal: the process must serve no other event. */
  | { kind: 'error'; id: string; error: FunctionErrorBody; isFatal?: true };

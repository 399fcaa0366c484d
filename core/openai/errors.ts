/** Body of an error as OpenAI's API writes it. */
export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

export interface ApiErrorOptions {
  code?: string;
  /** The parameter at fault. */
  param?: string;
  /** When to come back, seconds. */
  retryAfter?: number;
  /** `Allow`, with a 405. */
  allow?: string;
}

const TYPES: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
  500: 'server_error',
  503: 'server_error',
};

/** What a request is refused with. `status` is the HTTP status. */
export class ApiError extends Error {
  readonly status: number;
  readonly options: ApiErrorOptions;

  constructor(status: number, message: string, options: ApiErrorOptions = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.options = options;
  }

  get body(): ErrorBody {
    const { code = null, param = null } = this.options;
    return {
      error: { message: this.message, type: TYPES[this.status] ?? 'invalid_request_error', param, code },
    };
  }
}

export const badRequest = (message: string, param?: string, code = 'invalid_value'): ApiError =>
  new ApiError(400, message, { code, ...(param === undefined ? {} : { param }) });

import type { CommonError } from '../services.ts';

/** Why a request is not who it says it is; rendered in the service's spelling once the service is known. */
export class AuthError extends Error {
  readonly kind: CommonError;
  /** Signing name that the request claims, if it got that far. */
  readonly service: string | undefined;
  constructor(kind: CommonError, message: string, service?: string) {
    super(message);
    this.kind = kind;
    this.service = service;
  }
}

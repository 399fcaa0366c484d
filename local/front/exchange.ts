import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Claim, parseQuery, readClaim } from './auth/credential.ts';
import { AuthError } from './auth/errors.ts';
import type { Principals } from './auth/principals.ts';
import type { SignatureVerifier } from './auth/verify.ts';
import type { Backend, Delivery } from './backend.ts';
import type { RequestEvent } from './event.ts';
import type { Drawn, Faults } from './faults.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import type { Authorizer } from './iam/authorizer.ts';
import { s3Operation } from './s3/operation.ts';
import { findService, type ServiceSpec } from './services.ts';
import {
  AwsError,
  type AwsResponse,
  type AwsService,
  type Principal,
  type ServiceEmulator,
} from './types.ts';
import { type Decoded, type Decoder, isCbor, type WireRequest } from './wire/codec.ts';
import { commonError, renderError, renderUnplaced } from './wire/errors.ts';
import { jsonRequest, wire } from './wire/request.ts';

export interface ExchangeOptions {
  region: string;
  principals: Principals;
  verifier: SignatureVerifier;
  authorizer: Authorizer;
  faults: Faults;
  decode: Decoder;
  backend(service: AwsService): Backend | undefined;
  emulator(service: AwsService): ServiceEmulator | undefined;
  emit(event: RequestEvent): void;
}

/** One request that may be carried out. */
interface Call {
  spec: ServiceSpec;
  decoded: Decoded;
  principal: Principal;
  request: WireRequest;
  http: HttpRequest;
  drawn: Drawn;
  event: RequestEvent;
  requestId: string;
}

/** One AWS request from its arrival to its answer: who, what, may they, do it, say it. */
export class ExchangeHandler {
  readonly #options: ExchangeOptions;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  async handle(http: HttpRequest): Promise<HttpAnswer> {
    const requestId = randomUUID();
    const started = performance.now();
    const event: RequestEvent = {
      service: 'unknown',
      operation: '',
      principal: '',
      status: 0,
      at: Date.now(),
      durationMs: 0,
    };
    let spec: ServiceSpec | undefined;
    let answer: HttpAnswer;
    try {
      const request = wire(http);
      const claim = readClaim(http.headers, parseQuery(http.rawQuery));
      spec = this.#service(claim);
      event.service = spec.service;
      const principal = await this.#authenticate(claim, request, http);
      event.principal = principal.name;
      answer = await this.#perform(spec, principal, request, http, event, requestId);
    } catch (thrown) {
      spec ??= claimedService(thrown);
      const error = asAwsError(thrown, spec);
      event.errorCode = error.code;
      answer = spec
        ? renderError(error, {
            spec,
            requestId,
            path: http.path,
            method: http.method,
            cbor: isCbor(http.headers),
          })
        : renderUnplaced(error);
    }
    if (answer !== 'hang-up') {
      event.status = answer.status;
      const idHeader = spec?.protocol === 'rest-xml' ? 'x-amz-request-id' : 'x-amzn-requestid';
      answer = { ...answer, headers: { ...answer.headers, [idHeader]: requestId } };
    }
    event.durationMs = performance.now() - started;
    this.#options.emit(event);
    return answer;
  }

  #service(claim: Claim): ServiceSpec {
    const spec = findService(claim.service);
    if (spec) return spec;
    throw new AwsError(
      'UnknownService',
      `the local AWS front has no service '${claim.service.slice(0, 40)}'`,
      404,
    );
  }

  async #authenticate(claim: Claim, request: WireRequest, http: HttpRequest): Promise<Principal> {
    const { principals, verifier, region } = this.#options;
    const principal = principals.byKey(claim.accessKeyId);
    if (!principal) {
      throw new AuthError(
        'unknown-key',
        'The security token included in the request is invalid.',
        claim.service,
      );
    }
    const query = parseQuery(http.rawQuery);
    const signed = {
      method: request.method,
      path: request.path,
      query,
      headers: request.headers,
      body: request.rawBody,
    };
    await verifier.verify(claim, signed, principal, Date.now());
    if (claim.region !== region) {
      throw new AuthError(
        'wrong-signature',
        `Credential should be scoped to a valid region: '${region}', not '${claim.region}'`,
        claim.service,
      );
    }
    return principal;
  }

  async #perform(
    spec: ServiceSpec,
    principal: Principal,
    request: WireRequest,
    http: HttpRequest,
    event: RequestEvent,
    requestId: string,
  ): Promise<HttpAnswer> {
    const { authorizer, faults } = this.#options;
    const decoded = await this.#decode(spec, request);
    const { operation, input } = decoded;
    event.operation = operation;
    event.input = input;
    const drawn = faults.draw(spec.service, operation);
    if (drawn.down) {
      event.errorCode = 'down';
      event.fault = 'down';
      return 'hang-up';
    }
    if (drawn.delayMs > 0) await sleep(drawn.delayMs);
    event.resource = await authorizer.authorize(principal, spec.service, operation, input);
    const { refusal } = drawn;
    if (refusal) event.fault = refusal.kind;
    if (refusal && refusal.kind !== 'answer-lost') throw refusal.error;
    const answer = await this.#carryOut({ spec, decoded, principal, request, http, drawn, event, requestId });
    if (!refusal) return answer;
    event.carriedOut = answer.status;
    throw refusal.error;
  }

  async #carryOut({
    spec,
    decoded,
    principal,
    request,
    http,
    drawn,
    event,
    requestId,
  }: Call): Promise<AwsResponse> {
    const { operation, input } = decoded;
    const { method, headers, rawBody } = request;
    const { url, signal } = http;
    const aws = { service: spec.service, operation, principal, method, url, headers, rawBody, input };
    const backend = this.#options.backend(spec.service);
    if (backend) {
      const { duplicate, reorder } = drawn;
      const note = (delivery: Delivery): void => {
        event.delivery = delivery;
      };
      return await backend.handle(aws, { signal, duplicate, reorder, note });
    }
    const emulator = this.#options.emulator(spec.service);
    if (!emulator) {
      throw new AwsError(
        'NotImplemented',
        `no emulator of ${spec.service} is registered with the local AWS front`,
        501,
      );
    }
    return encode(decoded, await emulator.handle(aws), requestId);
  }

  async #decode(spec: ServiceSpec, request: WireRequest): Promise<Decoded> {
    if (spec.schemas) return await this.#options.decode(spec, request);
    const passedOn = spec.protocol === 'rest-xml' ? s3Operation(request) : jsonRequest(spec, request);
    return {
      ...passedOn,
      encode: () => {
        throw new Error(`${spec.service} is passed on, not encoded`);
      },
    };
  }
}

function encode(decoded: Decoded, output: unknown, requestId: string): AwsResponse {
  try {
    return decoded.encode(output, requestId);
  } catch (error) {
    throw new Error(
      `the emulator's output of ${decoded.operation} does not fit its schema: ${(error as Error).message}`,
    );
  }
}

const claimedService = (thrown: unknown): ServiceSpec | undefined =>
  thrown instanceof AuthError && thrown.service ? findService(thrown.service) : undefined;

function asAwsError(thrown: unknown, spec: ServiceSpec | undefined): AwsError {
  if (thrown instanceof AwsError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof AuthError) {
    return spec ? commonError(spec, thrown.kind, message) : new AwsError('IncompleteSignature', message, 403);
  }
  // A defect of an emulator or of the front: say where, as there is no other way to find it.
  const where = thrown instanceof Error ? (thrown.stack?.split('\n')[1]?.trim() ?? '') : '';
  const text = `the local AWS front failed: ${message} ${where}`;
  return spec ? commonError(spec, 'internal', text) : new AwsError('InternalFailure', text, 500);
}

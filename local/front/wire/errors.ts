import { cbor } from '@smithy/core/cbor';
import type { CommonError, ServiceSpec } from '../services.ts';
import { AwsError, type AwsResponse } from '../types.ts';
import { queryError, s3Error } from './xml.ts';

/** An error that every service has, in the spelling of one. */
export function commonError(spec: ServiceSpec, kind: CommonError, message: string): AwsError {
  const [code, status] = spec.errors[kind];
  return new AwsError(code, message, status);
}

export interface ErrorContext {
  spec: ServiceSpec;
  requestId: string;
  /** Path, for S3's `<Resource>`. */
  path: string;
  method: string;
  cbor: boolean;
}

/** An error as the service puts it on the wire. */
export function renderError(error: AwsError, context: ErrorContext): AwsResponse {
  const { spec, requestId } = context;
  const fault = error.status >= 500 ? 'Receiver' : 'Sender';
  const text = { code: error.code, message: error.message, fault, requestId } as const;
  const { status } = error;
  const queryHeader: Record<string, string> = spec.queryCompatible
    ? { 'x-amzn-query-error': `${error.code};${fault}` }
    : {};
  if (context.cbor) {
    const body = Buffer.from(cbor.serialize({ __type: error.code, message: error.message }));
    const headers = { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor', ...queryHeader };
    return { status, headers, body };
  }
  switch (spec.protocol) {
    case 'query':
      return { status, headers: { 'content-type': 'text/xml' }, body: queryError(spec, text) };
    case 'rest-xml':
      return {
        status,
        headers: { 'content-type': 'application/xml' },
        body: context.method === 'HEAD' ? '' : s3Error({ ...text, resource: context.path }),
      };
    case 'rest-json':
      return {
        status,
        headers: { 'content-type': 'application/json', 'x-amzn-errortype': headerSafe(error.code) },
        // Lambda's and EKS's models spell the member `Message` in some errors, `message` in others.
        body: JSON.stringify({ message: error.message, Message: error.message }),
      };
    case 'json':
      return {
        status,
        headers: { 'content-type': `application/x-amz-json-${spec.jsonVersion}`, ...queryHeader },
        body: JSON.stringify({ __type: error.code, message: error.message, Message: error.message }),
      };
  }
}

/** Before the service is known: what AWS's gateways answer to something they can't place. */
export function renderUnplaced(error: AwsError): AwsResponse {
  return {
    status: error.status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': headerSafe(error.code) },
    body: JSON.stringify({ __type: error.code, message: error.message }),
  };
}

const headerSafe = (text: string): string => text.replace(/[^\w.#:-]/g, '');

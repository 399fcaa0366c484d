import { AuthError } from './errors.ts';

/** What a request says of its signature, not yet verified. */
export interface Claim {
  accessKeyId: string;
  /** `YYYYMMDD` of the credential scope. */
  day: string;
  region: string;
  /** Signing name of the service, which is how the front knows whom the request is for. */
  service: string;
  signedHeaders: string[];
  signature: string;
  signedAt: Date;
  /** Presigned URLs only, seconds. */
  expiresIn?: number;
}

export type Query = Record<string, string | string[]>;

/** Decodes a raw query string; a parameter without `=` has the empty value. Throws URIError. */
export function parseQuery(raw: string): Query {
  const query: Query = Object.create(null);
  for (const pair of raw.split('&')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const name = decodeURIComponent(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? '' : decodeURIComponent(pair.slice(at + 1));
    const old = query[name];
    query[name] = old === undefined ? value : [old, value].flat();
  }
  return query;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/**
 * Reads the Authorization header or the presigned query string.
 * @throws AuthError when there is none or it is not well-formed
 */
export function readClaim(headers: Record<string, string>, query: Query): Claim {
  const header = headers.authorization;
  const presigned = query['X-Amz-Algorithm'] !== undefined;
  if (header !== undefined && presigned) {
    throw new AuthError(
      'malformed',
      "the request has both an Authorization header and the query parameter 'X-Amz-Algorithm'; use one",
    );
  }
  if (header !== undefined) return fromHeader(header, headers);
  if (presigned) return fromQuery(query);
  throw new AuthError('missing-authentication', 'Request is missing Authentication Token');
}

function fromHeader(header: string, headers: Record<string, string>): Claim {
  const [algorithm = '', ...rest] = header.trim().split(/\s+/);
  if (algorithm !== ALGORITHM) {
    throw new AuthError(
      'malformed',
      `Unsupported AWS 'algorithm': '${algorithm.slice(0, 40)}' (only ${ALGORITHM})`,
    );
  }
  const fields = new Map<string, string>();
  for (const field of rest.join(' ').split(',')) {
    const [name = '', value] = field.trim().split('=', 2);
    if (value !== undefined) fields.set(name, value);
  }
  const need = (name: string): string => {
    const value = fields.get(name);
    if (!value) throw new AuthError('malformed', `Authorization header requires '${name}' parameter`);
    return value;
  };
  const credential = readCredential(need('Credential'));
  const date = headers['x-amz-date'];
  if (date === undefined) {
    throw new AuthError(
      'malformed',
      "Authorization header requires existence of an 'X-Amz-Date' header",
      credential.service,
    );
  }
  return {
    ...credential,
    signedHeaders: need('SignedHeaders').toLowerCase().split(';'),
    signature: need('Signature'),
    signedAt: readDate(date, credential.service),
  };
}

function fromQuery(query: Query): Claim {
  const need = (name: string): string => {
    const value = query[name];
    if (typeof value !== 'string' || value === '') {
      throw new AuthError('malformed', `AWS query-string parameters must include '${name}' once`);
    }
    return value;
  };
  const credential = readCredential(need('X-Amz-Credential'));
  if (need('X-Amz-Algorithm') !== ALGORITHM) {
    throw new AuthError('malformed', `X-Amz-Algorithm only supports ${ALGORITHM}`, credential.service);
  }
  // STS tokens made by some signers leave it out; AWS then allows 15 minutes.
  const expires = query['X-Amz-Expires'] === undefined ? 900 : Number(need('X-Amz-Expires'));
  if (!Number.isInteger(expires) || expires < 1 || expires > 604_800) {
    throw new AuthError(
      'malformed',
      'X-Amz-Expires must be between 1 and 604800 seconds',
      credential.service,
    );
  }
  return {
    ...credential,
    signedHeaders: need('X-Amz-SignedHeaders').toLowerCase().split(';'),
    signature: need('X-Amz-Signature'),
    signedAt: readDate(need('X-Amz-Date'), credential.service),
    expiresIn: expires,
  };
}

function readCredential(text: string): Pick<Claim, 'accessKeyId' | 'day' | 'region' | 'service'> {
  const [accessKeyId, day, region, service, terminator, ...more] = text.split('/');
  if (!accessKeyId || !day || !region || !service || terminator !== 'aws4_request' || more.length > 0) {
    throw new AuthError(
      'malformed',
      'Credential must have exactly 5 slash-delimited elements: key id, date, region, service, aws4_request',
    );
  }
  return { accessKeyId, day, region, service };
}

function readDate(text: string, service: string): Date {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  const date = match
    ? new Date(`${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}Z`)
    : new Date(Number.NaN);
  if (Number.isNaN(date.getTime())) {
    throw new AuthError('malformed', "Date must be in ISO-8601 'basic format'", service);
  }
  return date;
}

import { createHash, timingSafeEqual } from 'node:crypto';
import { Sha256Node } from '@smithy/core/checksum';
import { HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Claim, Query } from './credential.ts';
import { AuthError } from './errors.ts';

export interface SignedRequest {
  method: string;
  /** As received, not decoded. */
  path: string;
  query: Query;
  headers: Record<string, string>;
  body: Buffer;
}

export interface Secret {
  accessKeyId: string;
  secretAccessKey: string;
}

/** AWS takes requests whose clock differs by up to 15 minutes. */
const SKEW_MS = 15 * 60_000;
const CONTENT_SHA256 = 'x-amz-content-sha256';
const UNSIGNED = 'UNSIGNED-PAYLOAD';

/** Recomputes signatures with the SDK's own signer. */
export class SignatureVerifier {
  readonly #signers = new Map<string, SignatureV4>();

  /**
   * @param now milliseconds since the epoch
   * @throws AuthError
   */
  async verify(claim: Claim, request: SignedRequest, secret: Secret, now: number): Promise<void> {
    checkTime(claim, now);
    for (const name of claim.signedHeaders) {
      if (request.headers[name] === undefined) {
        throw new AuthError('wrong-signature', `the signed header '${name}' is missing`, claim.service);
      }
    }
    if (!claim.signedHeaders.includes('host')) {
      throw new AuthError('wrong-signature', "'Host' must be a 'SignedHeader'", claim.service);
    }
    checkPayload(claim, request);
    const expected = await (claim.expiresIn === undefined
      ? this.#header(claim, request, secret)
      : this.#presigned(claim, request, secret));
    if (!same(expected, claim.signature)) {
      throw new AuthError(
        'wrong-signature',
        'The request signature we calculated does not match the signature you provided. ' +
          'Check your AWS Secret Access Key and signing method.',
        claim.service,
      );
    }
  }

  async #header(claim: Claim, request: SignedRequest, secret: Secret): Promise<string> {
    const signed = await this.#signer(claim, secret).sign(toSign(claim, request, request.query), {
      signingDate: claim.signedAt,
      signableHeaders: new Set(claim.signedHeaders),
    });
    return /Signature=([0-9a-f]{64})$/.exec(signed.headers.authorization ?? '')?.[1] ?? '';
  }

  async #presigned(claim: Claim, request: SignedRequest, secret: Secret): Promise<string> {
    const { 'X-Amz-Signature': _signature, ...query } = request.query;
    const http = toSign(claim, request, query);
    // S3 never hashes the body of a presigned request; the others sign that of an empty one.
    if (claim.service === 's3') http.headers[CONTENT_SHA256] ??= UNSIGNED;
    const own = new Set(claim.signedHeaders);
    const signed = await this.#signer(claim, secret).presign(http, {
      signingDate: claim.signedAt,
      expiresIn: claim.expiresIn ?? 900,
      signableHeaders: own,
      unhoistableHeaders: new Set([...own, CONTENT_SHA256]),
      unsignableHeaders: own.has(CONTENT_SHA256) ? new Set() : new Set([CONTENT_SHA256]),
    });
    return String(signed.query?.['X-Amz-Signature'] ?? '');
  }

  /** The signer caches derived keys per credential; one per key, region and service is enough. */
  #signer({ region, service }: Claim, secret: Secret): SignatureV4 {
    const name = `${secret.accessKeyId}/${region}/${service}`;
    let signer = this.#signers.get(name);
    if (!signer) {
      const uriEscapePath = service !== 's3';
      const { accessKeyId, secretAccessKey } = secret;
      const credentials = { accessKeyId, secretAccessKey };
      signer = new SignatureV4({
        credentials,
        region,
        service,
        sha256: Sha256Node,
        uriEscapePath,
        applyChecksum: false,
      });
      this.#signers.set(name, signer);
    }
    return signer;
  }
}

function toSign(claim: Claim, request: SignedRequest, query: Query): HttpRequest {
  const headers: Record<string, string> = {};
  for (const name of claim.signedHeaders) headers[name] = request.headers[name] ?? '';
  return new HttpRequest({ method: request.method, path: request.path, query, headers, body: request.body });
}

function checkTime(claim: Claim, now: number): void {
  const at = claim.signedAt.getTime();
  const latest = at + (claim.expiresIn === undefined ? SKEW_MS : claim.expiresIn * 1000);
  if (now > latest) {
    const kind = claim.expiresIn !== undefined && claim.service === 's3' ? 'denied' : 'skewed-clock';
    const text =
      kind === 'denied'
        ? 'Request has expired'
        : `Signature expired: ${iso(at)} is now earlier than ${iso(now - (latest - at))}`;
    throw new AuthError(kind, text, claim.service);
  }
  if (at > now + SKEW_MS) {
    throw new AuthError(
      'skewed-clock',
      `Signature not yet current: ${iso(at)} is still later than ${iso(now + SKEW_MS)}`,
      claim.service,
    );
  }
}

/** A stated body hash is part of what was signed, so it must be the body's. */
function checkPayload(claim: Claim, request: SignedRequest): void {
  const stated = request.headers[CONTENT_SHA256];
  if (stated === undefined || !claim.signedHeaders.includes(CONTENT_SHA256)) return;
  // Chunk signatures and trailing checksums are left to the object store: the seed signature is what proves the key.
  if (claim.service === 's3' && (stated === UNSIGNED || stated.startsWith('STREAMING-'))) return;
  if (!same(createHash('sha256').update(request.body).digest('hex'), stated)) {
    throw new AuthError(
      'wrong-signature',
      `The provided '${CONTENT_SHA256}' header does not match what was computed.`,
      claim.service,
    );
  }
}

const iso = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

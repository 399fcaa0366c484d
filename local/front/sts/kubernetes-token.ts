import { parseQuery, readClaim } from '../auth/credential.ts';
import { AuthError } from '../auth/errors.ts';
import type { Principals } from '../auth/principals.ts';
import type { SignatureVerifier } from '../auth/verify.ts';
import type { Principal } from '../types.ts';

export interface TokenOptions {
  principals: Principals;
  verifier: SignatureVerifier;
  region: string;
  /** `host:port` of the front, where a client with a custom endpoint signs its STS request for. */
  ownHost: string;
  /** The token must have been made for this cluster. */
  clusterName(): string | undefined;
}

const PREFIX = 'k8s-aws-v1.';
const CLUSTER_HEADER = 'x-k8s-aws-id';
/** A token is good for 15 minutes, whatever expiry its URL states. */
const LIFETIME_MS = 15 * 60_000;
const MAX_LENGTH = 4096;
const ALLOWED_PARAMETERS = new Set([
  'Action',
  'Version',
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-Security-Token',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'X-Amz-User-Agent',
  'x-amz-user-agent',
  'x-id',
]);

/**
 * Checks an EKS token as the AWS authenticator does: a presigned `GetCallerIdentity` for STS and nothing else, with the
 * cluster's name signed as a header. The authenticator then sends that request to STS; here its signature is verified.
 * @throws AuthError saying what is wrong
 */
export async function verifyKubernetesToken(token: string, options: TokenOptions): Promise<Principal> {
  const url = readUrl(token, options);
  const query = parseQuery(url.search.slice(1));
  for (const [name, value] of Object.entries(query)) {
    if (!ALLOWED_PARAMETERS.has(name)) throw invalid(`query parameter ${name} is not allowed`);
    if (typeof value !== 'string') throw invalid(`query parameter ${name} is there twice`);
  }
  if (query.Action !== 'GetCallerIdentity') throw invalid('its action is not GetCallerIdentity');
  const claim = readClaim({}, query);
  if (claim.service !== 'sts') throw invalid(`it is signed for ${claim.service}, not sts`);
  if (!claim.signedHeaders.includes(CLUSTER_HEADER)) throw invalid(`${CLUSTER_HEADER} is not signed`);
  const now = Date.now();
  if (now > claim.signedAt.getTime() + LIFETIME_MS) throw invalid('it has expired');
  const principal = options.principals.byKey(claim.accessKeyId);
  if (!principal) throw invalid('its access key is unknown');
  const clusterName = options.clusterName();
  if (clusterName === undefined)
    throw invalid('the front was not told which cluster it is for (clusterName)');
  // The header's value is not in the token: only a token that was signed with the expected name verifies with it.
  const headers = { host: url.host, [CLUSTER_HEADER]: clusterName };
  const request = { method: 'GET', path: url.pathname, query, headers, body: Buffer.alloc(0) };
  // The lifetime was checked above; the stated expiry only has to be what was signed.
  const withinExpiry = Math.min(now, claim.signedAt.getTime() + (claim.expiresIn ?? 0) * 1000);
  await options.verifier.verify(claim, request, principal, withinExpiry);
  return principal;
}

function readUrl(token: string, options: TokenOptions): URL {
  if (!token.startsWith(PREFIX)) throw invalid(`it does not begin with ${PREFIX}`);
  if (token.length > MAX_LENGTH) throw invalid('it is too long');
  const encoded = token.slice(PREFIX.length);
  if (!/^[\w-]+$/.test(encoded)) throw invalid('it is not base64url without padding');
  let url: URL;
  try {
    url = new URL(Buffer.from(encoded, 'base64url').toString());
  } catch {
    throw invalid('it holds no URL');
  }
  const own = url.protocol === 'http:' && url.host === options.ownHost;
  const aws =
    url.protocol === 'https:' &&
    (url.host === 'sts.amazonaws.com' || url.host === `sts.${options.region}.amazonaws.com`);
  if (!own && !aws) throw invalid(`its host ${url.host} is not an STS endpoint`);
  if (url.pathname !== '/') throw invalid('its path is not /');
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw invalid('its URL has parts it must not have');
  return url;
}

const invalid = (why: string): AuthError =>
  new AuthError('denied', `the Kubernetes token is not valid: ${why}`, 'sts');

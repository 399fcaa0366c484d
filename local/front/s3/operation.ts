import { XMLParser } from 'fast-xml-parser';
import { serviceSpec } from '../services.ts';
import { AwsError } from '../types.ts';
import type { WireRequest } from '../wire/codec.ts';
import { commonError } from '../wire/errors.ts';

export interface S3Operation {
  operation: string;
  /** Bucket, Key and what else permissions depend on. */
  input: Record<string, unknown>;
}

const SPEC = serviceSpec('s3');
const XML = new XMLParser({
  isArray: (name) => name === 'Object',
  parseTagValue: false,
  processEntities: true,
});

/** Query parameters that make a request one about something else than the object or the listing. */
const SUBRESOURCES = new Set(
  (
    'accelerate acl analytics attributes cors encryption intelligent-tiering inventory legal-hold lifecycle ' +
    'location logging metrics notification object-lock ownershipControls policy policyStatus publicAccessBlock ' +
    'replication requestPayment restore retention select select-type tagging torrent versionId versioning versions website'
  ).split(' '),
);

/**
 * Which S3 operation a path-style request is.
 * @throws AwsError for one that can't be passed on safely or that fauxqs does not have
 */
export function s3Operation({ method, path, query, headers, rawBody }: WireRequest): S3Operation {
  const [bucket, key] = splitPath(path);
  for (const name of query.keys()) {
    if (SUBRESOURCES.has(name)) throw notImplemented(`${method} with ?${name}`);
  }
  if (bucket === '') {
    if (method === 'GET') return { operation: 'ListBuckets', input: {} };
    throw notImplemented(`${method} /`);
  }
  const operation = key === '' ? onBucket(method, query) : onObject(method, query, headers);
  if (!operation) throw notImplemented(`${method} on ${key === '' ? 'a bucket' : 'an object'} like this`);
  const input: Record<string, unknown> = { Bucket: bucket };
  const give = (name: string, value: string | null | undefined): void => {
    if (value !== null && value !== undefined) input[name] = value;
  };
  if (key !== '') give('Key', key);
  give('IfMatch', headers['if-match']);
  give('IfNoneMatch', headers['if-none-match']);
  give('CopySource', headers['x-amz-copy-source']);
  give('Prefix', query.get('prefix'));
  give('Delimiter', query.get('delimiter'));
  give('MaxKeys', query.get('max-keys'));
  if (operation === 'DeleteObjects') input.Keys = keysToDelete(rawBody);
  return { operation, input };
}

const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** Bucket and key, decoded; both may be empty. */
function splitPath(path: string): [bucket: string, key: string] {
  const segments = path.slice(1).split('/');
  // The in-process transport would resolve these and reach another bucket than the one that was authorized.
  if (/[\\#]/.test(path) || segments.some((segment) => /^(\.|%2e){1,2}$/i.test(segment))) {
    throw new AwsError(
      'InvalidURI',
      "Couldn't parse the specified URI: keys with the segments . or .. are not taken here",
      400,
    );
  }
  const [bucket = '', ...key] = segments;
  if (bucket === '' ? segments.length > 1 : !BUCKET_NAME.test(bucket)) {
    throw new AwsError('InvalidBucketName', 'The specified bucket is not valid.', 400);
  }
  try {
    return [bucket, decodeURIComponent(key.join('/'))];
  } catch {
    throw new AwsError('InvalidURI', "Couldn't parse the specified URI.", 400);
  }
}

function onBucket(method: string, query: URLSearchParams): string | undefined {
  switch (method) {
    case 'GET':
      if (query.has('uploads')) return undefined;
      return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
    case 'HEAD':
      return 'HeadBucket';
    case 'PUT':
      return 'CreateBucket';
    case 'DELETE':
      return 'DeleteBucket';
    case 'POST':
      return query.has('delete') ? 'DeleteObjects' : undefined;
    default:
      return undefined;
  }
}

function onObject(
  method: string,
  query: URLSearchParams,
  headers: Record<string, string>,
): string | undefined {
  const upload = query.has('uploadId');
  const copy = headers['x-amz-copy-source'] !== undefined;
  switch (method) {
    case 'GET':
      return upload ? undefined : 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'PUT':
      if (upload) return copy ? undefined : 'UploadPart';
      return copy ? 'CopyObject' : 'PutObject';
    case 'DELETE':
      return upload ? 'AbortMultipartUpload' : 'DeleteObject';
    case 'POST':
      if (query.has('uploads')) return 'CreateMultipartUpload';
      return upload ? 'CompleteMultipartUpload' : undefined;
    default:
      return undefined;
  }
}

function keysToDelete(body: Buffer): string[] {
  const malformed = () => new AwsError('MalformedXML', 'The XML you provided was not well-formed.', 400);
  let parsed: { Delete?: { Object?: { Key?: unknown }[] } };
  try {
    parsed = XML.parse(body.toString());
  } catch {
    throw malformed();
  }
  const keys = parsed.Delete?.Object?.map(({ Key }) => Key);
  if (!keys || keys.length === 0 || keys.length > 1000 || keys.some((key) => typeof key !== 'string'))
    throw malformed();
  return keys.map(String);
}

const notImplemented = (what: string): AwsError =>
  commonError(SPEC, 'unknown-operation', `the local S3 has no ${what}`);

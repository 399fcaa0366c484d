import { type Backend, endToEnd, FAUX_BODY_LIMIT, type Fauxqs } from '../backend.ts';
import { optionalText } from '../iam/mapping.ts';
import { AwsError, type AwsRequest, type AwsResponse, type Principal } from '../types.ts';
import { KeyLocks } from './locks.ts';

export interface ObjectsOptions {
  fauxqs: Fauxqs;
  mayListBucket(principal: Principal, bucket: string): Promise<boolean>;
}

const WRITES = new Set(['PutObject', 'CopyObject', 'CompleteMultipartUpload', 'DeleteObject']);

/** S3 from fauxqs, with conditional writes and deletes, and with AWS's answer to those who may not know what exists. */
export class Objects implements Backend {
  readonly #options: ObjectsOptions;
  readonly #locks = new KeyLocks();

  constructor(options: ObjectsOptions) {
    this.#options = options;
  }

  async handle(request: AwsRequest): Promise<AwsResponse> {
    if (request.rawBody.length > FAUX_BODY_LIMIT) {
      const limit = FAUX_BODY_LIMIT / 1024 / 1024;
      throw new AwsError(
        'EntityTooLarge',
        `the local S3 takes ${limit} MiB per request: upload in parts`,
        400,
      );
    }
    const { operation } = request;
    if (!WRITES.has(operation)) return await this.#read(request);
    const key = `${request.input.Bucket}/${request.input.Key}`;
    return await this.#locks.run(key, operation === 'DeleteObject', async (deletedMeanwhile) => {
      await this.#checkConditions(request, deletedMeanwhile);
      return await this.#forward(request);
    });
  }

  async #checkConditions(request: AwsRequest, deletedMeanwhile: boolean): Promise<void> {
    const ifNoneMatch = optionalText(request.input, 'IfNoneMatch');
    const ifMatch = optionalText(request.input, 'IfMatch');
    if (ifNoneMatch === undefined && ifMatch === undefined) return;
    if (ifNoneMatch !== undefined && (ifNoneMatch !== '*' || ifMatch !== undefined)) {
      throw new AwsError(
        'NotImplemented',
        'A header you provided implies functionality that is not implemented: a write takes If-None-Match: * or If-Match.',
        501,
      );
    }
    if (deletedMeanwhile) {
      throw new AwsError(
        'ConditionalRequestConflict',
        'The conditional request cannot succeed due to a conflicting operation against this resource.',
        409,
      );
    }
    const [url = ''] = request.url.split('?');
    const head = await this.#options.fauxqs.inject({ method: 'HEAD', url, headers: {}, body: '' });
    if (ifMatch !== undefined && head.status === 404) {
      throw new AwsError('NoSuchKey', 'The specified key does not exist.', 404);
    }
    const holds =
      ifMatch === undefined ? head.status === 404 : unquoted(head.headers.etag) === unquoted(ifMatch);
    if (!holds) {
      throw new AwsError(
        'PreconditionFailed',
        'At least one of the pre-conditions you specified did not hold',
        412,
      );
    }
  }

  /** Who may not list a bucket is told 403 for a key that does not exist, never 404. */
  async #read(request: AwsRequest): Promise<AwsResponse> {
    const response = await this.#forward(request);
    const { operation, principal, input } = request;
    if (response.status === 404 && (operation === 'GetObject' || operation === 'HeadObject')) {
      const bucket = String(input.Bucket);
      if (!(await this.#options.mayListBucket(principal, bucket))) {
        throw new AwsError(
          'AccessDenied',
          `Access Denied: no such key, and s3:ListBucket on ${bucket} is not allowed, without which S3 does not tell`,
          403,
        );
      }
    }
    return response;
  }

  async #forward({ method, url, headers, rawBody }: AwsRequest): Promise<AwsResponse> {
    const response = await this.#options.fauxqs.inject({
      method,
      url,
      headers: endToEnd(headers),
      body: rawBody,
    });
    if (response.status >= 400 && response.headers['content-type']?.startsWith('application/json')) {
      throw new AwsError('InvalidRequest', response.body.toString(), 400);
    }
    return response;
  }
}

const unquoted = (etag = ''): string => etag.replace(/^"|"$/g, '');

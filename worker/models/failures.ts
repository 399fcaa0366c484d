import { UnavailableError } from '../../adapters/errors.ts';
import { displayName } from '../../core/protocol/model-names.ts';
import { WarmupError } from '../../core/protocol/warmup.ts';
import type { FoundModel } from './sources.ts';

/** The digest that Ollama wanted and did not get, from its words. Source: `errDigestMismatch` in `server/images.go`. */
export const mismatchedDigest = (error: unknown): string | undefined =>
  /digest mismatch.*?(sha256:[0-9a-f]{64})/.exec((error as Error).message)?.[1];

/** The system's own words, as Go and Node pass them on. `i/o timeout` is the network's. */
const isDiskFailure = (message: string): boolean =>
  /input\/output error|i\/o error|read-only file system|structure needs cleaning|not a directory/i.test(
    message,
  );

/**
 * What a pull that failed means, from the model server's own words: it has no codes.
 * @param hint why the front had to refuse a blob, if it had to
 */
export function pullFailure(error: unknown, { name, source }: FoundModel, hint: string | undefined): unknown {
  if (!(error instanceof UnavailableError)) return error;
  const model = displayName(name);
  const { message, code } = error;
  if (code !== 'PullFailed')
    return new WarmupError('server-gone', `the model server broke off while it filled ${model}: ${message}`, {
      cause: error,
    });
  if (message.includes('digest mismatch'))
    return new WarmupError(
      'checksum-mismatch',
      `what the ${source} gave for ${model} is not what its digest promises: ${message}`,
      { cause: error },
    );
  if (isDiskFailure(message))
    return new WarmupError('disk-failed', `the disk fails while ${model} fills: ${message}`, {
      cause: error,
    });
  if (/no space left|disk quota exceeded/i.test(message))
    // It was to fit: something else has grown on this disk, and may shrink again.
    return new WarmupError(
      'disk-full',
      `the disk is full while ${model} fills, though it should fit: ${message}`,
      {
        retryable: true,
        cause: error,
      },
    );
  const why = hint ?? message;
  return new WarmupError(
    'source-unavailable',
    `${model} could not be fetched whole from the ${source}: ${why}`,
    {
      cause: error,
    },
  );
}

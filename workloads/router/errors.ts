import { errorBody } from '../../core/protocol/api.ts';

/** What the router itself says, in the shape of the API that was called. */
const MESSAGES = {
  malformed: [400, 'the request is not valid HTTP'],
  forbidden: [403, 'this client may not do this: its address or its Origin header is not allowed'],
  unknown: [404, 'this path is not served here: only inference and reading (docs/router.md) is'],
  fleet: [404, 'there is no such fleet; there is: '],
  method: [405, 'this path does not take this method: inference takes POST, reading GET'],
  large: [413, 'the body is larger than this router takes'],
  often: [429, 'too many requests from this client: slow down, or send them to the queue'],
  lost: [
    502,
    'the replica failed after it had got the request; it is not repeated, because it may have begun',
  ],
  full: [503, 'every replica is busy: try again, or send the request to the queue'],
  asleep: [503, 'no replica is warm: try again later, or send the request to the queue'],
  slow: [504, 'the replica took too long to answer; the request is not repeated, because it may have begun'],
} as const satisfies Record<string, readonly [number, string]>;

type ErrorKind = keyof typeof MESSAGES;

export const statusOf = (kind: ErrorKind): number => MESSAGES[kind][0];

/** `return` with the body of that error. */
export const answer = (kind: ErrorKind): string => `return ${statusOf(kind)} $body_${kind};`;

/**
 * The error bodies as maps over the path. Neither JSON's quotes nor the messages need escapes in single quotes; nor do names of
 * fleets, which are letters, digits and dashes.
 */
export const errorMaps = (fleets: readonly string[]): string =>
  Object.entries(MESSAGES)
    .map(([kind, [status, stated]]) => {
      const message = kind === 'fleet' ? stated + fleets.join(', ') : stated;
      const body = (path: string) => `'${JSON.stringify(errorBody(path, status, message))}'`;
      return `map $api_path $body_${kind} { default ${body('/')}; ~^/v1/ ${body('/v1/')}; }`;
    })
    .join('\n');

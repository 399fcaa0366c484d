let defaultMs = 2000;

/** For commands: who sits before a terminal would rather wait for an answer than ask again. Clients that are made later wait longer. */
export function waitLonger(): void {
  defaultMs = 15_000;
}

/**
 * How the functions' SDK clients behave: a tick would rather fail a reading than wait for it, so that the next tick
 * can try again. One retry covers a dropped connection and a single throttle.
 */
export const clientOptions = (requestTimeoutMs = defaultMs) => ({
  maxAttempts: 2,
  requestHandler: {
    connectionTimeout: Math.min(1000, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    throwOnRequestTimeout: true,
  },
});

/** For objects that may be large, with the SDK's own three attempts: who reads or writes them can wait. */
export const objectOptions = (requestTimeoutMs = 30_000) => ({
  requestHandler: { connectionTimeout: 3000, requestTimeout: requestTimeoutMs },
});

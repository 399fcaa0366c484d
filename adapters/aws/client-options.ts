/**
 * How the functions' SDK clients behave: a tick would rather fail a reading than wait for it, so that the next tick
 * can try again. One retry covers a dropped connection and a single throttle.
 */
export const clientOptions = (requestTimeoutMs = 2000) => ({
  maxAttempts: 2,
  requestHandler: {
    connectionTimeout: Math.min(1000, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    throwOnRequestTimeout: true,
  },
});

/** How those of commands behave: who sits before a terminal would rather wait for an answer than ask again. */
export const commandOptions = () => clientOptions(15_000);

/** For objects that may be large, with the SDK's own three attempts: who reads or writes them can wait. */
export const objectOptions = (requestTimeoutMs = 30_000) => ({
  requestHandler: { connectionTimeout: 3000, requestTimeout: requestTimeoutMs },
});

import { get } from 'node:https';

export interface ApiAccess {
  server: string;
  /** PEM */
  ca: string;
  token: string;
}

/** Status code of one GET. Rejects when nobody answers within two seconds. */
export function apiStatus(access: ApiAccess, path: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const request = get(
    new URL(path, access.server),
    { ca: access.ca, headers: { authorization: `Bearer ${access.token}` }, agent: false, timeout: 2_000 },
    (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    },
  );
  request.once('timeout', () => request.destroy(new Error(`${access.server} did not answer`)));
  request.once('error', reject);
  return promise;
}

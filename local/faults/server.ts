import { randomBytes, timingSafeEqual } from 'node:crypto';
import { ZodError } from 'zod';
import { close, createHttp, type HttpRequest, listen } from '../front/http.ts';
import type { AwsResponse } from '../front/types.ts';
import { faultSchema } from './fault.ts';
import { type FaultInjector, FaultRefused } from './injector.ts';

/** Where `paddock fault` reaches the running system. */
export interface FaultServer {
  readonly url: string;
  /** Bearer token of this run. */
  readonly token: string;
  stop(): Promise<void>;
}

/** `POST /faults` strikes, `GET /faults` tells what goes on, `DELETE /faults[?pool=…]` ends it. On loopback only. */
export async function startFaultServer(injector: FaultInjector): Promise<FaultServer> {
  const token = randomBytes(24).toString('base64url');
  const server = createHttp(async (request) => {
    if (!isBearer(request.headers.authorization, token)) return json(401, { message: 'A token is needed.' });
    try {
      return json(200, answer(request, injector));
    } catch (error) {
      if (error instanceof FaultRefused) return json(400, { message: error.message });
      if (error instanceof ZodError || error instanceof SyntaxError)
        return json(400, { message: `That is no fault: ${error.message}` });
      return json(500, { message: String(error) });
    }
  });
  const port = await listen(server, '127.0.0.1', 0);
  return { url: `http://127.0.0.1:${port}`, token, stop: () => close(server) };
}

function answer({ method, path, rawQuery, rawBody }: HttpRequest, injector: FaultInjector): unknown {
  if (path !== '/faults') throw new FaultRefused(`There is nothing at ${path}.`);
  if (method === 'POST') return injector.inject(faultSchema.parse(JSON.parse(rawBody.toString())));
  if (method === 'DELETE') return injector.heal(new URLSearchParams(rawQuery).get('pool') ?? undefined);
  return injector.ongoing();
}

function isBearer(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? '');
  const expected = Buffer.from(`Bearer ${token}`);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const json = (status: number, body: unknown): AwsResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

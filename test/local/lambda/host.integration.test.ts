import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AwsRequest } from '../../../local/front/types.ts';
import { LambdaEmulator } from '../../../local/lambda/emulator.ts';
import { LambdaHost } from '../../../local/lambda/host.ts';

const CODE = `
exports.handler = async (event, context) => {
  if (event.env) return process.env;
  if (event.crash) process.exit(7);
  if (event.hang) return new Promise(() => {});
  if (event.fail) { const error = new Error('queue unreadable'); error.name = 'UnavailableError'; throw error; }
  if (event.reject) { Promise.reject(new Error('forgotten')); await new Promise(() => {}); }
  if (event.gate) await new Promise((resolve) => setTimeout(resolve, 50));
  console.log('served', JSON.stringify(event));
  return { pid: process.pid, name: context.functionName, arn: context.invokedFunctionArn, left: context.getRemainingTimeInMillis() };
};
exports.old = (event, context, callback) => callback(null, 1);`;

describe('the local Lambda host', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lambda-'));
  let host: LambdaHost;

  beforeAll(() => {
    writeFileSync(join(dir, 'index.js'), CODE);
    writeFileSync(join(dir, 'modern.mjs'), 'export const handler = async () => ({ modern: true });');
    writeFileSync(join(dir, 'broken.js'), 'throw new Error("cannot load");');
    process.env.SECRET_OF_THIS_MACHINE = 'leak';
    const spec = {
      codePath: dir,
      environment: { PADDOCK_TABLE: 'table' },
      timeoutSeconds: 60,
      memoryMb: 128,
      credentials: { accessKeyId: 'AKIAF', secretAccessKey: 's' },
    };
    const variant = (name: string, handler: string) => ({
      ...spec,
      name,
      arn: `arn:aws:lambda:us-east-1:1:function:${name}`,
      handler,
    });
    host = new LambdaHost({
      maxProcesses: 3,
      functions: [
        variant('unnamed', 'index.nothing'),
        variant('missing', 'nowhere.handler'),
        variant('old', 'index.old'),
        {
          ...spec,
          name: 'modern',
          arn: 'arn:aws:lambda:us-east-1:1:function:modern',
          handler: 'modern.handler',
        },
        { ...spec, name: 'good', arn: 'arn:aws:lambda:us-east-1:1:function:good', handler: 'index.handler' },
        { ...variant('hasty', 'index.handler'), timeoutSeconds: 1 },
        {
          ...spec,
          name: 'broken',
          arn: 'arn:aws:lambda:us-east-1:1:function:broken',
          handler: 'broken.handler',
        },
      ],
      endpointUrl: 'http://127.0.0.1:9',
      region: 'us-east-1',
      logDir: join(dir, 'logs'),
    });
  });
  afterAll(async () => {
    await host.stop();
    delete process.env.SECRET_OF_THIS_MACHINE;
    rmSync(dir, { recursive: true });
  });

  const pid = async (payload: object): Promise<number> =>
    ((await host.invoke('good', payload)) as { payload: { pid: number } }).payload.pid;

  it('keeps a process warm and starts another one for a concurrent event', async () => {
    const first = await pid({});
    expect(await pid({})).toBe(first);
    const both = await Promise.all([pid({ gate: true }), pid({ gate: true })]);
    expect(new Set(both).size).toBe(2);
  });

  it('serves more events than it may have processes', async () => {
    const pids = await Promise.all(Array.from({ length: 7 }, () => pid({ gate: true })));
    expect(pids).toHaveLength(7);
    expect(new Set(pids).size).toBe(3);
  });

  it('tells the function who it is and how long it has', async () => {
    const { payload } = (await host.invoke('good', {})) as { payload: { arn: string; left: number } };
    expect(payload.arn).toBe('arn:aws:lambda:us-east-1:1:function:good');
    expect(payload.left).toBeGreaterThan(0);
    expect(payload.left).toBeLessThanOrEqual(60_000);
  });

  it('gives the function its own environment and nothing of this machine', async () => {
    const { payload } = (await host.invoke('arn:aws:lambda:us-east-1:1:function:good', { env: true })) as {
      payload: Record<string, string>;
    };
    expect(payload).toMatchObject({
      PADDOCK_TABLE: 'table',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: 'AKIAF',
      AWS_LAMBDA_FUNCTION_NAME: 'good',
    });
    expect(payload.SECRET_OF_THIS_MACHINE).toBeUndefined();
    expect(payload.HOME).toBeUndefined();
    expect(Object.keys(payload).filter((name) => /PADDOCK_LOCAL|NODE_CHANNEL/.test(name))).toEqual([]);
  });

  it.each([
    ['an error keeps its type', 'good', { fail: true }, 'UnavailableError', /queue unreadable/],
    ['a crash is named', 'good', { crash: true }, 'Runtime.ExitError', /exit status 7/],
    ['a hang is cut off', 'hasty', { hang: true }, 'Sandbox.Timedout', /timed out after 1.00 seconds/],
    [
      'a forgotten rejection ends the process',
      'good',
      { reject: true },
      'Runtime.UnhandledPromiseRejection',
      /forgotten/,
    ],
    ['a bundle that does not load says why', 'broken', {}, 'Error', /cannot load/],
    ['a missing bundle is named', 'missing', {}, 'Runtime.ImportModuleError', /nowhere/],
    ['a missing export is named', 'unnamed', {}, 'Runtime.HandlerNotFound', /index.nothing/],
    ['a callback handler is refused', 'old', {}, 'Runtime.CallbackHandlerDeprecated', /index.old/],
  ])('%s, and the next event is served', async (_case, name, payload, errorType, message) => {
    const result = await host.invoke(name, payload);
    expect(result).toMatchObject({
      functionError: 'Unhandled',
      payload: { errorType, errorMessage: expect.stringMatching(message) },
    });
    expect(await pid({})).toBeGreaterThan(0);
  });

  it('loads an ES module bundle', async () => {
    expect(await host.invoke('modern', {})).toEqual({ payload: { modern: true } });
  });

  it('survives the loss of its processes', async () => {
    const before = await pid({});
    expect(host.kill('good')).toBe(0);
    expect(await pid({})).not.toBe(before);
  });

  it('tells how many events a kill cut off', async () => {
    await pid({});
    const hanging = host.invoke('good', { hang: true });
    // Its event has gone to the process that was warm.
    await new Promise((resolve) => setImmediate(resolve));
    expect(host.kill('good')).toBe(1);
    expect(await hanging).toMatchObject({ payload: { errorType: 'Runtime.ExitError' } });
  });

  it('logs what a function prints', async () => {
    await pid({ marker: 42 });
    let log = '';
    while (!log.includes('"marker":42')) {
      log = readFileSync(join(dir, 'logs', 'good.log'), 'utf8');
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it('answers Invoke as the API does', async () => {
    const api = new LambdaEmulator(host);
    const invoke = (input: object, body: string) =>
      api.handle({ operation: 'Invoke', input, rawBody: Buffer.from(body) } as unknown as AwsRequest);
    expect(await invoke({ FunctionName: 'good' }, '{"fail":true}')).toMatchObject({
      StatusCode: 200,
      FunctionError: 'Unhandled',
    });
    expect(await invoke({ FunctionName: 'good', InvocationType: 'Event' }, '{}')).toEqual({
      StatusCode: 202,
    });
    await expect(invoke({ FunctionName: 'gone' }, '{}')).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    });
    await expect(invoke({ FunctionName: 'good' }, 'x'.repeat(6_291_457))).rejects.toMatchObject({
      code: 'RequestTooLargeException',
    });
    await expect(invoke({ FunctionName: 'good' }, '{')).rejects.toMatchObject({
      code: 'InvalidRequestContentException',
    });
  });
});

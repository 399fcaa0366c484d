import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SyntheticServer } from '../../../local/model-server/server.ts';
import { paddock } from '../paddock.ts';

const bench = (...args: string[]) => paddock('bench', ...args);

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });

describe('paddock bench against a model server', () => {
  let server: SyntheticServer;
  let url: string;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    server = new SyntheticServer(
      { pod: 'p', host: '127.0.0.1', port, models: ['m:1b'], slots: 4, loadableAt: 0, serviceSeconds: 0.05 },
      () => undefined,
    );
    await server.listen();
  });
  afterAll(() => server.close());

  it('answers with the figures of both targets, and a picture', async () => {
    const chart = join(tmpdir(), `paddock-bench-${process.pid}.svg`);
    const args = ['--requests', '12', '--concurrency', '4', '--model', 'm:1b', '--chart', chart, '--json'];
    const { code, stdout } = await bench('--target', url, '--compare', url, ...args);
    const { targets } = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    expect(code).toBe(0);
    expect(targets).toHaveLength(2);
    for (const target of targets) {
      expect(target).toMatchObject({ url, mode: 'direct', requests: 12, concurrency: 4, successRate: 1 });
      expect(target.latencySeconds.p50).toBeGreaterThanOrEqual(0.05);
      expect(target.timeToFirstTokenSeconds.p50).toBeLessThanOrEqual(target.latencySeconds.p50);
      expect(target.tokensPerSecond).toBeGreaterThan(0);
    }
    expect(readFileSync(chart, 'utf8')).toContain('<svg');
    rmSync(chart);
  });

  it('counts what a time-out ends, and says so with its exit code', async () => {
    const args = ['--requests', '2', '--timeout', '0.01', '--model', 'm:1b'];
    const { code, stdout } = await bench('--target', url, ...args);
    expect(code).toBe(1);
    expect(stdout).toContain('direct: 2 without an answer: timed out');
    // Nobody sees colours in a file.
    expect(stdout).not.toContain('\u001b');
  });

  it('says why nothing was answered', async () => {
    const { code, stdout } = await bench('--target', url, '--requests', '3', '--model', 'nope');
    expect(code).toBe(1);
    expect(stdout).toMatch(/3 without an answer: HTTP 404: model 'nope.*' not found/);
  });

  it('refuses a target that is none, before it sends anything', async () => {
    expect(await bench('--target', 'localhost:11434')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is no URL. Give one such as'),
    });
    expect(await bench('--target', `http://127.0.0.1:${await freePort()}`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Nothing answers at'),
    });
  });

  it.each([
    [401, 'is a gateway and wants an API key: give --api-key, or set PADDOCK_API_KEY'],
    [404, 'HTTP 404, as no model server, router or gateway does. Check the URL'],
  ])('tells a gateway by its 401 from something else: %i', async (status, said) => {
    const other = createHttpServer((_request, response) => response.writeHead(status).end('{}'));
    const port = await freePort();
    await once(other.listen(port, '127.0.0.1'), 'listening');
    const ended = await bench('--target', `http://127.0.0.1:${port}/v1`);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining(said) });
    other.close();
  });
});

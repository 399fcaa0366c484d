import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { findCluster } from '../../../local/cluster/existing.ts';
import { takeStateFolder } from '../../../local/state-folder.ts';
import { BUILD_TIMEOUT_MS, newStateDir, processesWith, start } from './support.ts';

jest.setTimeout(BUILD_TIMEOUT_MS);

const NOBODY = 'http://127.0.0.1:9/';
const stateDir = newStateDir();

afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

/** Starts the runtime in a process of its own; resolves once it says that it is up. */
async function startRuntime(): Promise<{ pid: number; kill: () => Promise<void> }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crashing-runtime.ts'), stateDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    void exited.then(() => reject(new Error('the runtime ended before it was up')));
  });
  return {
    pid: Number(child.pid),
    kill: () => {
      child.kill('SIGKILL');
      return exited;
    },
  };
}

describe('after a crash', () => {
  it('refuses a second run while one is up, and cleans up once it was killed', async () => {
    const runtime = await startRuntime();
    await expect(takeStateFolder(stateDir, () => undefined)).rejects.toThrow(
      `already runs with the state folder ${stateDir}: process ${runtime.pid}`,
    );
    await runtime.kill();
    expect(processesWith(stateDir)).toHaveLength(5);

    let ended: string[] = [];
    const lock = await takeStateFolder(stateDir, (names) => {
      ended = names;
    });
    expect(ended).toEqual(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok']);
    expect(processesWith(stateDir)).toEqual([]);

    const cluster = await start(stateDir, NOBODY);
    const found = await findCluster(cluster.kubeconfigPath);
    expect(found.getCurrentCluster()).toMatchObject({ server: cluster.server, caData: cluster.caData });
    await cluster.stop();
    lock.release();
  });
});

describe('a start that fails', () => {
  it('says which port is taken and leaves nothing behind', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(start(stateDir, NOBODY, { port })).rejects.toThrow(`Port ${port} of 127.0.0.1 is taken`);
    server.close();
    expect(processesWith(stateDir)).toEqual([]);
  });

  it('shows the last log lines of the component that ended, and ends the others', async () => {
    const failed = start(stateDir, 'not a url');
    await expect(failed).rejects.toThrow(
      /kube-apiserver ended with exit code 1 before it was ready[\s\S]*kube-apiserver\.log/,
    );
    expect(processesWith(stateDir)).toEqual([]);
  });

  it('reports a component that ends later', async () => {
    const failure = Promise.withResolvers<Error>();
    const cluster = await start(stateDir, NOBODY, { onFailure: failure.resolve });
    const [kwok] = processesWith(join(stateDir, 'cluster', 'kwok.yaml'));
    process.kill(Number(kwok), 'SIGKILL');
    expect((await failure.promise).message).toContain('kwok was ended by SIGKILL');
    await cluster.stop();
    expect(processesWith(stateDir)).toEqual([]);
  });
});

describe('an existing cluster', () => {
  const file = join(stateDir, 'their.kubeconfig');

  /** The client takes plain http only when told that certificates don't matter. */
  const writeKubeconfig = (server: string): void =>
    writeFileSync(
      file,
      JSON.stringify({
        clusters: [{ name: 'theirs', cluster: { server, 'insecure-skip-tls-verify': true } }],
        users: [{ name: 'me', user: { token: 'mine' } }],
        contexts: [{ name: 'it', context: { cluster: 'theirs', user: 'me' } }],
        'current-context': 'it',
      }),
    );

  /** A cluster that says its version, or refuses with a status. */
  async function fakeCluster(
    answer: { gitVersion: string } | number,
  ): Promise<{ server: string; close: () => void }> {
    const server = createServer((_request, response) => {
      response.statusCode = typeof answer === 'number' ? answer : 200;
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify(
          typeof answer === 'number'
            ? { kind: 'Status', message: 'no' }
            : { major: '1', minor: '32', platform: 'linux/amd64', ...answer },
        ),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      close: () => server.close(),
    };
  }

  it('is taken from version 1.33 on, as EKS spells it, too', async () => {
    const theirs = await fakeCluster({ gitVersion: 'v1.33.4-eks-3025e55' });
    writeKubeconfig(theirs.server);
    expect((await findCluster(file)).getCurrentCluster()?.server).toBe(theirs.server);
    theirs.close();
  });

  it('is refused when it is too old, with the way out', async () => {
    const theirs = await fakeCluster({ gitVersion: 'v1.32.9' });
    writeKubeconfig(theirs.server);
    await expect(findCluster(file)).rejects.toThrow(
      /runs Kubernetes v1\.32\.9; Paddock needs 1\.33 or newer/,
    );
    theirs.close();
  });

  it('is refused when its user may not ask', async () => {
    const theirs = await fakeCluster(401);
    writeKubeconfig(theirs.server);
    await expect(findCluster(file)).rejects.toThrow(/refuses the user of .*HTTP 401.*renew its credentials/);
    theirs.close();
  });

  it('is refused when nobody answers, and when the file is none', async () => {
    writeKubeconfig('http://127.0.0.1:9');
    await expect(findCluster(file)).rejects.toThrow(/does not answer at http:\/\/127\.0\.0\.1:9/);
    await expect(findCluster(join(stateDir, 'nowhere'))).rejects.toThrow("can't be read");
    writeFileSync(file, 'just: [text');
    await expect(findCluster(file)).rejects.toThrow('is not a kubeconfig file');
  });
});

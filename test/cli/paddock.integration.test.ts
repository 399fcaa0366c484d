import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { writeSession } from '../../local/session.ts';
import { PATIENCE_SECONDS } from '../patience.ts';
import { cliEnvironment, paddock, paddockWith } from './paddock.ts';

/** The time-out of its calls is two seconds. */
const LONGER_THAN_A_TICK_MS = 2500;

describe('the paddock command', () => {
  const dir = mkdtempSync(join(tmpdir(), 'paddock-cli-'));
  const svgFolder = mkdtempSync(join(dir, 'folder-')).concat('.svg');
  mkdirSync(svgFolder);
  afterAll(() => rmSync(dir, { recursive: true }));

  it.each([
    ['--help'],
    ['local', '--help'],
    ['simulate', '--help'],
    ['chaos', '--help'],
    ['explain', '--help'],
    ['status', '--help'],
    ['dlq', '--help'],
    ['dlq', 'list', '--help'],
    ['dlq', 'show', '--help'],
    ['dlq', 'redrive', '--help'],
    ['dlq', 'purge', '--help'],
    ['cost', '--help'],
    ['doctor', '--help'],
    ['fault', '--help'],
    ['fault', 'ice', '--help'],
    ['upgrade', '--help'],
    ['ollama', '--help'],
    ['ollama', 'install', '--help'],
  ])('helps with %s %s', async (...args) => {
    const { code, stdout } = await paddock(...args);
    expect(code).toBe(0);
    if (args.length > 1) expect(stdout).toContain('Example');
  });

  it.each([
    [
      'an unknown scenario',
      ['local', '--scenario', 'nope'],
      /Allowed choices are seed-benchmark, burst, idle-wake/,
    ],
    ['a negative number', ['local', '--slots', '-1'], /whole number of at least 1/],
    ['no number at all', ['local', '--boot-seconds', ''], /number of at least 0/],
    ['a fleet that is not there', ['local', '--fleet', 'nope'], /no fleet 'nope'. It has: cpu, gpu/],
    ['bounds that cross', ['local', '--min-replicas', '9', '--max-replicas', '3'], /minReplicas/],
    [
      'minutes of no arrivals',
      ['local', '--minutes', '3'],
      /--minutes only works with --arrivals <file> or --scenario spot-storm/,
    ],
    [
      'a time scale of a scenario',
      ['local', '--scenario', 'burst', '--time-scale', '2'],
      /--time-scale only works with --arrivals <file>/,
    ],
    ['rounds of the benchmark', ['local', '--times', '3'], /--times only works with --scenario idle-wake/],
    ['an arrivals file that is not there', ['local', '--arrivals', 'nope.csv'], /no such file/],
    [
      'a model server that is none',
      ['local', '--model-server', 'vllm'],
      /Allowed choices are synthetic, ollama/,
    ],
    [
      'a service time of a real server',
      ['local', '--model-server', 'ollama', '--service-seconds', '1'],
      /--service-seconds only works with --model-server synthetic/,
    ],
    ['chaos without a request', ['chaos', '--requests', '0'], /whole number of at least 1/],
    ['chaos in no time', ['chaos', '--minutes', '0'], /number above 0/],
    ['chaos of a fleet that is not there', ['chaos', '--fleet', 'nope'], /no fleet 'nope'. It has: cpu, gpu/],
    ['explain without a system', ['explain', '--state-dir', dir], /No local system is running here/],
    ['dead letters without a system', ['dlq', 'list', '--state-dir', dir], /No local system is running here/],
    ['dead letters in AWS without a fleet', ['dlq', 'list', '--aws'], /state --fleet/],
    ['a simulation of nothing', ['simulate'], /--arrivals <file>, or --scenario spot-storm/],
    [
      'a storm under a rule',
      ['simulate', '--scenario', 'spot-storm', '--rule', 'keda'],
      /--rule works only without/,
    ],
    ['another load in a burst', ['local', '--scenario', 'burst', '--arrivals', 'x.csv'], /not burst's/],
    ['cost without a system', ['cost', '--state-dir', dir], /No local system is running here/],
    ['a doctor without a system', ['doctor', '--state-dir', dir], /No local system is running here/],
    [
      'a fault without a system',
      ['fault', 'ice', '--pool', 'spot', '--state-dir', dir],
      /No local system is running here/,
    ],
    ['a fault of no pool', ['fault', 'ice'], /required option '--pool <name>'/],
    [
      'a fault without an end in sight',
      ['fault', 'ice', '--pool', 'spot', '--for', 'soon'],
      /duration such as 90s, 4m, 1h or 2d/,
    ],
    [
      'an upgrade of nothing we know',
      ['upgrade', 'windows', '11'],
      /unknown command 'windows'\n\(run with --help/,
    ],
    [
      'an upgrade to nowhere',
      ['upgrade', 'ollama'],
      /missing required argument 'version'\n\(run with --help/,
    ],
    [
      'an upgrade to no version',
      ['upgrade', 'kubernetes', 'next'],
      /"next" is not a minor version, such as 1.36/,
    ],
    [
      'an upgrade without a system',
      ['upgrade', 'nodes', '--state-dir', dir],
      /No local system is running here/,
    ],
    ['an upgrade in AWS without a table', ['upgrade', 'status', '--aws'], /state --table/],
    ['a redrive of nothing', ['dlq', 'redrive'], /State the ids .*or --all/],
    ['a purge of some and all', ['dlq', 'purge', 'a', '--all'], /not both/],
    ['status in AWS without a table', ['status', '--aws'], /state --fleet and --table/],
    ['a kubeconfig that is not there', ['local', '--kubeconfig', 'nope'], /There is no kubeconfig .*nope/],
    [
      'a recording in no folder',
      ['local', '--record-calls', join(dir, 'nope', 'calls')],
      /--record-calls can't be written to .*: there is no folder/,
    ],
    ['costs of longer ago than is kept', ['cost', '--last', '15d'], /at most 14d/],
    [
      'a chart in no folder',
      ['bench', '--target', 'http://127.0.0.1:9', '--chart', join(dir, 'nope', 'x.svg')],
      /--chart can't be written to .*: there is no folder/,
    ],
    ['a chart that is a folder', ['bench', '--target', 'http://h', '--chart', svgFolder], /it is a folder/],
    ['a chart of another kind', ['bench', '--target', 'http://h', '--chart', 'x.png'], /--chart draws SVG/],
    [
      'a mode of nothing compared',
      ['bench', '--target', 'http://h', '--compare-mode', 'queue'],
      /--compare-mode works only with --compare/,
    ],
  ])('answers %s with what to do, and exit code 1', async (_case, args, message) => {
    const { code, stderr } = await paddock(...args, ...(args[0] === 'local' ? ['--state-dir', dir] : []));
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(1);
  });

  it('says of a system that does not answer which call failed', async () => {
    const stateDir = mkdtempSync(join(dir, 'silent-'));
    const [endpointUrl, key] = ['http://127.0.0.1:9', 'k'];
    writeSession(stateDir, {
      ...{ pid: process.pid, endpointUrl, region: 'us-east-1', accessKeyId: key, secretAccessKey: key },
      ...{ cluster: 'paddock', fleet: 'cpu', table: 't', kubeconfig: 'none' },
      faults: { url: endpointUrl, token: key },
    });
    const answers = async (...args: string[]) => {
      const { code, stderr } = await paddock(...args, '--state-dir', stateDir);
      return [code, stderr];
    };
    expect(await answers('upgrade', 'ollama', '0.18.0')).toEqual([
      1,
      expect.stringMatching(/^paddock: list the state machines: ECONNREFUSED/),
    ]);
    expect(await answers('fault', 'ice', '--pool', 'spot')).toEqual([
      1,
      'paddock: The local system does not answer: it is ending, or too busy. Try again.\n',
    ]);
  });

  it('waits for an answer longer than a tick does', async () => {
    const slow = createServer((_request, response) => {
      setTimeout(
        () => response.writeHead(400).end('{"__type":"AccessDeniedException"}'),
        LONGER_THAN_A_TICK_MS,
      );
    }).listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const env = {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(slow.address() as AddressInfo).port}`,
      ...{ AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' },
    };
    const inAws = ['--aws', '--fleet', 'cpu', '--table', 't'];
    const outcomes = await Promise.all(
      [
        ['status', ...inAws],
        ['explain', ...inAws],
        ['keys', 'list', '--aws'],
        ['upgrade', 'status', '--aws', '--table', 't'],
      ].map((args) => paddockWith(env, ...args)),
    );
    slow.close();
    for (const { stderr } of outcomes) expect(stderr).toMatch(/AccessDenied/);
  });

  it('does not call it success when its output can not be written', () => {
    const file = join(dir, 'arrivals.csv');
    writeFileSync(file, 'offsetSeconds,promptTokens,outputTokens\n0,10,10\n');
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(
      process.execPath,
      ['cli/paddock.ts', 'simulate', '--arrivals', file, '--json'],
      {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      },
    );
    closeSync(full);
    expect(stderr).toMatch(/^paddock: what was to be printed can't be written: ENOSPC/);
    expect(status).toBe(1);
  });

  it.each([
    ['a region', {}, 'AWS_REGION'],
    ['credentials', { AWS_REGION: 'eu-west-1' }, 'AWS_PROFILE'],
  ])('says how to give %s that AWS needs', async (_what, env, variable) => {
    const none = {
      ...{ AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined, AWS_PROFILE: undefined },
      ...{
        AWS_ACCESS_KEY_ID: undefined,
        AWS_SECRET_ACCESS_KEY: undefined,
        AWS_EC2_METADATA_DISABLED: 'true',
      },
      ...{ AWS_CONFIG_FILE: join(dir, 'none'), AWS_SHARED_CREDENTIALS_FILE: join(dir, 'none') },
    };
    const { code, stderr } = await paddockWith({ ...none, ...env }, 'keys', 'list', '--aws');
    expect(stderr).toMatch(new RegExp(`^paddock: read the secret .*${variable}`));
    expect(code).toBe(1);
  });

  it('says at once that no state can be kept below /proc', () => {
    const folder = '/proc/nosuch/state';
    const { status, stderr } = spawnSync(
      process.execPath,
      ['cli/paddock.ts', 'local', '--state-dir', folder, '--exit'],
      { encoding: 'utf8', env: cliEnvironment, timeout: PATIENCE_SECONDS * 1000 },
    );
    expect(stderr).toMatch(
      new RegExp(`^paddock: The state folder ${folder} can't be made or written to: ENOENT.*--state-dir`),
    );
    expect(status).toBe(1);
  });

  it('says with which state folder it has found no system', async () => {
    const { stderr } = await paddock('status', '--state-dir', join(dir, 'none'));
    expect(stderr).toContain(`No local system is running here with the state folder ${join(dir, 'none')}.`);
  });

  it('names the line of an arrivals file that is wrong', async () => {
    const file = join(dir, 'bad.csv');
    writeFileSync(file, 'offsetSeconds,promptTokens,outputTokens\n0,10,10\n1,ten,10\n');
    const { code, stderr } = await paddock('local', '--arrivals', file, '--state-dir', dir);
    expect(code).toBe(1);
    expect(stderr).toMatch(/line 3/);
  });
});

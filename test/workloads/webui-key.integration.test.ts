import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Deployment } from '@kubernetes/client-node';
import config from '../../paddock.config.ts';
import { webuiManifests } from '../../workloads/index.ts';
import { containerOf, envOf, find, podOf } from './fixtures.ts';

const { webui, images, volumeType, fleets } = config;
const manifests = webuiManifests({ ...webui, image: images.webui, volumeType, fleets });
const pod = podOf(find<V1Deployment>(manifests, 'Deployment', 'webui'));
const env = envOf(pod, 'webui');

describe('the key that signs the sessions of Open WebUI', () => {
  const folder = mkdtempSync(join(tmpdir(), 'paddock-webui-'));
  const file = join(folder, 'key');
  afterAll(() => rmSync(folder, { recursive: true }));
  const [shell = '', ...args] = containerOf(pod, 'secret-key').command ?? [];
  const makeKey = () => execFileSync(shell, args, { env: { KEY_FILE: file } }).toString();
  const key = () => readFileSync(file, 'utf8');

  it('is made once, random, for the pod alone to read, and shown nowhere', () => {
    expect(makeKey()).toBe('');
    const first = key();
    expect(Buffer.from(first, 'base64')).toHaveLength(32);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(makeKey()).toBe('');
    expect(key()).toBe(first);
    rmSync(file);
    makeKey();
    expect(key()).not.toBe(first);
    expect(readdirSync(folder)).toEqual(['key']);
  });

  it('is made anew where a start was broken off before it was written', () => {
    writeFileSync(file, '');
    makeKey();
    expect(Buffer.from(key(), 'base64')).toHaveLength(32);
  });

  it('is read from where it was made, on the volume', () => {
    expect(envOf(pod, 'secret-key').KEY_FILE).toBe(env.WEBUI_SECRET_KEY_FILE);
    expect(env.WEBUI_SECRET_KEY_FILE?.startsWith(`${env.DATA_DIR}/`)).toBe(true);
    expect(env).not.toHaveProperty('WEBUI_SECRET_KEY');
    expect(JSON.stringify(manifests)).not.toContain('"kind":"Secret"');
  });
});

import { buildApp } from '../../infra/app.ts';
import { type ConfigInput, defineConfig, type PaddockConfig, presets } from '../../infra/config/index.ts';
import { loadTemplates, type ResolvedApp } from '../../local/template/load.ts';
import config from '../../paddock.config.ts';
import { ENVIRONMENT } from '../local/template/support.ts';

const shipped = { region: 'us-east-1', fleets: [presets.cpu(), presets.gpu()] } satisfies ConfigInput;
const certificateArn = 'arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-0000-4000-8000-000000000000';

/** Configurations that between them use every option that a Kubernetes object depends on. */
export const VARIANTS: Readonly<Record<string, PaddockConfig>> = {
  'the shipped configuration': config,
  'the cpu preset alone': defineConfig({ region: 'us-east-1', fleets: [presets.cpu()] }),
  'the gpu preset alone': defineConfig({ region: 'us-east-1', fleets: [presets.gpu()] }),
  'gp2, Bottlerocket, TLS to the world, Open WebUI at its own URL': defineConfig({
    ...shipped,
    volumeType: 'gp2',
    webui: { volumeGiB: 20, url: 'https://chat.example.com' },
    router: { scheme: 'internet-facing', allowedCidrs: ['203.0.113.0/24'], certificateArn, replicas: 3 },
    fleets: shipped.fleets.map((fleet) => ({
      ...fleet,
      pools: fleet.pools.map((pool) => ({ ...pool, os: 'bottlerocket' as const })),
    })),
  }),
  'no Open WebUI, no gateway, pools without limits, several GPUs, taints and labels of their own':
    defineConfig({
      region: 'eu-west-1',
      cluster: { name: 'llm', vpcCidr: '10.9.0.0/16' },
      webui: { enabled: false },
      gateway: { enabled: false },
      fleets: [
        {
          name: 'chat-large',
          models: ['llama3.1:70b', 'nomic-embed-text'],
          contextTokens: 8192,
          policy: { minReplicas: 0, drainDeadlineSeconds: 600 },
          pools: [
            {
              name: 'four-gpus',
              capacityType: 'on-demand',
              instanceTypes: ['g5.12xlarge'],
              max: 3,
              resources: { cpu: 0.5, memoryGiB: 0.5 },
              labels: { 'example.com/team': 'chat' },
              taints: [
                { key: 'example.com/dedicated', value: '', effect: 'NoExecute' },
                { key: 'example.com/soft', value: 'yes', effect: 'PreferNoSchedule' },
              ],
            },
          ],
        },
      ],
    }),
};

/** What the templates of a configuration make, resolved as the local runtime does it. */
export const resolveApp = (configuration: PaddockConfig): ResolvedApp =>
  loadTemplates({
    assembly: buildApp(configuration, { bundle: false }).synth(),
    ...ENVIRONMENT,
    region: configuration.region,
  });

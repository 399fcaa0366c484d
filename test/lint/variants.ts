import { type ConfigInput, defineConfig, type PaddockConfig, presets } from '../../infra/config/index.ts';
import shipped from '../../paddock.config.ts';

const both = (changes: Partial<ConfigInput> = {}): PaddockConfig =>
  defineConfig({ region: 'us-east-1', fleets: [presets.cpu(), presets.gpu()], ...changes });

/** Configurations that between them make every resource that Paddock can make. */
export const VARIANTS: Readonly<Record<string, () => PaddockConfig>> = {
  shipped: () => shipped,
  'cpu alone': () => defineConfig({ region: 'eu-west-1', volumeType: 'gp2', fleets: [presets.cpu()] }),
  'gpu alone, asleep at zero': () =>
    defineConfig({ region: 'us-west-2', fleets: [presets.gpu({ policy: { minReplicas: 0 } })] }),
  'a NAT gateway per zone, no data kept': () =>
    both({
      cluster: { natGateways: 3 },
      retainData: false,
      gateway: { enabled: false },
      webui: { enabled: false },
    }),
  'open to one network, few logs': () =>
    both({
      cluster: {
        publicAccessCidrs: ['203.0.113.0/24'],
        admins: ['arn:aws:iam::111122223333:role/Admin'],
        flowLogs: 'off',
        controlPlaneLogs: [],
      },
      monitoring: { prometheus: { enabled: false }, alarmEmails: ['someone@example.com'] },
      gateway: { corsOrigins: ['https://app.example.com'] },
      router: {
        scheme: 'internet-facing',
        allowedCidrs: ['203.0.113.0/24'],
        certificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-0000-0000-000000000000',
      },
    }),
  'Bottlerocket, and nodes that wait': () =>
    both({
      cluster: { systemPool: { os: 'bottlerocket' } },
      fleets: [
        presets.gpu({
          pools: [
            {
              name: 'on-demand',
              capacityType: 'on-demand',
              instanceTypes: ['g5.2xlarge'],
              max: 2,
              os: 'bottlerocket',
              warmPool: { size: 1 },
            },
          ],
        }),
      ],
    }),
};

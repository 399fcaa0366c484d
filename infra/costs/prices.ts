/** A list price in us-east-1, US dollars, and where one checks it. */
export interface Price {
  readonly what: string;
  readonly price: number;
  readonly unit: 'hour' | 'GB-month' | 'GB';
  /** When it was last read, from a public summary of AWS's price list. */
  readonly asOf: string;
  /** AWS's own page, which counts. */
  readonly page: string;
}

const aws = (path: string): string => `https://aws.amazon.com/${path}`;

/** What a cluster costs besides its nodes; those are in infra/config/instances.ts. */
export const PRICES = {
  cluster: {
    what: 'EKS control plane, version in standard support',
    price: 0.1,
    unit: 'hour',
    asOf: '2026-04',
    page: aws('eks/pricing/'),
  },
  extendedSupport: {
    what: 'EKS control plane, version in extended support',
    price: 0.6,
    unit: 'hour',
    asOf: '2026-04',
    page: aws('eks/pricing/'),
  },
  nat: {
    what: 'NAT gateway',
    price: 0.045,
    unit: 'hour',
    asOf: '2026-05',
    page: aws('vpc/pricing/'),
  },
  natData: {
    what: 'NAT gateway, data either way',
    price: 0.045,
    unit: 'GB',
    asOf: '2026-05',
    page: aws('vpc/pricing/'),
  },
  publicAddress: {
    what: "Public IPv4 address (a NAT gateway's)",
    price: 0.005,
    unit: 'hour',
    asOf: '2026-02',
    page: aws('vpc/pricing/'),
  },
  loadBalancer: {
    what: 'Network Load Balancer',
    price: 0.0225,
    unit: 'hour',
    asOf: '2026-05',
    page: aws('elasticloadbalancing/pricing/'),
  },
  loadBalancerCapacity: {
    what: 'Network Load Balancer, per capacity unit in use',
    price: 0.006,
    unit: 'hour',
    asOf: '2026-05',
    page: aws('elasticloadbalancing/pricing/'),
  },
  gp3: { what: 'EBS gp3 volume', price: 0.08, unit: 'GB-month', asOf: '2026-02', page: aws('ebs/pricing/') },
  gp2: { what: 'EBS gp2 volume', price: 0.1, unit: 'GB-month', asOf: '2026-02', page: aws('ebs/pricing/') },
  logs: {
    what: 'CloudWatch Logs, written',
    price: 0.5,
    unit: 'GB',
    asOf: '2026-06',
    page: aws('cloudwatch/pricing/'),
  },
  logsKept: {
    what: 'CloudWatch Logs, kept',
    price: 0.03,
    unit: 'GB-month',
    asOf: '2026-06',
    page: aws('cloudwatch/pricing/'),
  },
} as const satisfies Record<string, Price>;

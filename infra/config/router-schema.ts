import { z } from 'zod';

const cidr = z.cidrv4('write it as an IPv4 CIDR block, such as "10.0.0.0/8"');

export const routerSchema = z.strictObject({
  replicas: z
    .int()
    .min(1)
    .max(20)
    .default(2)
    .describe('Router pods, on the system nodes. Each counts a client for itself.')
    .meta({ unit: 'pods' }),
  requestsPerSecond: z
    .int()
    .min(1)
    .max(1000)
    .default(10)
    .describe('Requests that one client may send to one router pod; past it and `burst` it gets 429.')
    .meta({ unit: 'requests per second' }),
  burst: z
    .int()
    .min(0)
    .max(1000)
    .default(10)
    .describe('Requests that a client may be ahead of `requestsPerSecond`.')
    .meta({ unit: 'requests' }),
  connectionsPerClient: z
    .int()
    .min(1)
    .max(4096)
    .default(100)
    .describe('Requests of one client that one router pod has under way at a time; past it 429.')
    .meta({ unit: 'requests' }),
  bodyLimitMiB: z
    .int()
    .min(4)
    .max(32)
    .default(32)
    .describe('Largest request body. Images travel in it; no replica takes more than 32.')
    .meta({ unit: 'MiB' }),
  headerTimeoutSeconds: z
    .int()
    .min(1)
    .max(60)
    .default(10)
    .describe("A client's headers must be complete within this time, or it is cut off.")
    .meta({ unit: 'seconds' }),
  bodyTimeoutSeconds: z
    .int()
    .min(1)
    .max(300)
    .default(30)
    .describe('Longest pause within a request body, or of a client that takes nothing of its answer.')
    .meta({ unit: 'seconds' }),
  scheme: z
    .enum(['internal', 'internet-facing'])
    .default('internal')
    .describe(
      'Where the load balancer can be reached from: the VPC and what is connected to it, or the internet. `internet-facing` wants ' +
        '`allowedCidrs` and `certificateArn`.',
    ),
  allowedCidrs: z
    .array(cidr)
    // None would let everyone in at the load balancer.
    .min(1)
    .max(50)
    .optional()
    .describe('Networks whose clients are let in: by the load balancer, and again by Nginx.')
    .meta({ defaultText: '`cluster.vpcCidr`' }),
  certificateArn: z
    .string()
    .regex(
      /^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[0-9a-f-]+$/,
      'give the ARN of a certificate in ACM',
    )
    .optional()
    .describe(
      'Certificate of the load balancer: the API is then at port 443 and Open WebUI at 8443, else at 80 and 8080.',
    )
    .meta({ defaultText: 'none: plain HTTP' }),
  queueUrl: z
    .url({ protocol: /^https$/, error: 'give an https URL' })
    .optional()
    .describe('Base URL of the queued path, which 429 and 503 name in their `Link` header.')
    .meta({ defaultText: "the gateway's, if there is one" }),
});

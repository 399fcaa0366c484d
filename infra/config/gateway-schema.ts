import { z } from 'zod';

const throttlingSchema = z.strictObject({
  requestsPerSecond: z
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe('Requests that the whole API takes in the long run; past it API Gateway itself answers 429.')
    .meta({ unit: 'requests per second' }),
  burst: z
    .int()
    .min(1)
    .max(5000)
    .default(200)
    .describe('Requests that it takes at once.')
    .meta({ unit: 'requests' }),
});

const perKeySchema = z.strictObject({
  requestsPerMinute: z
    .int()
    .min(1)
    .max(60_000)
    .describe('Submissions that the keys of one name may make in the long run; past it 429 with Retry-After.')
    .meta({ unit: 'requests per minute' }),
  burst: z
    .int()
    .min(1)
    .max(60_000)
    .describe('Submissions that they may make at once.')
    .meta({ unit: 'requests' }),
});

export const gatewaySchema = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe(
      'Whether there is an HTTP API that puts requests into the queues (docs/gateway.md). Without a key it refuses everything.',
    ),
  maxBodyBytes: z
    .int()
    .min(1024)
    .max(4_194_304)
    .default(2_097_152)
    .describe('Longest body of a request. Bodies too long for a queue go by way of the results bucket.')
    .meta({ unit: 'bytes' }),
  corsOrigins: z
    .array(
      z
        .string()
        .regex(/^https?:\/\/[A-Za-z0-9.-]+(:\d+)?$/, 'write an origin, such as "https://app.example.com"'),
    )
    .max(20)
    .default([])
    .describe(
      'Origins of web pages that may call the API. An API key in a web page is public: prefer a backend.',
    ),
  throttling: throttlingSchema.prefault({}).describe('Rate limit of the whole API.'),
  perKey: perKeySchema
    .optional()
    .describe(
      'Rate limit of what the keys of one name submit, exact over all processes; reading is not counted. Costs a write to the table and its time per submission.',
    )
    .meta({ defaultText: 'no limit' }),
});

import { z } from 'zod';

export const webuiSchema = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('Whether Open WebUI runs in the cluster. Turned off, its volume goes too.'),
  volumeGiB: z
    .int()
    .min(1)
    .max(16_384)
    .default(10)
    .describe('Its volume: accounts, chats, documents. It can grow, not shrink.')
    .meta({ unit: 'GiB' }),
  url: z
    .url({ protocol: /^https?$/, error: 'give an http or https URL' })
    .optional()
    .describe(
      'Where people open it. Then no page of another origin may call it, and with https its cookies are sent by TLS alone.',
    )
    .meta({ defaultText: 'not stated: any origin' }),
});

import { z } from 'zod';

export const modelsSchema = z.strictObject({
  registry: z
    .boolean()
    .default(true)
    .describe(
      'Whether pods may fetch from a registry what the mirror does not have (`paddock models mirror`). ' +
        'Without it a model that is not mirrored never gets warm, and no pod needs a way to the internet for models.',
    ),
  registryUrl: z
    .url({ protocol: /^https$/, error: 'give an https URL, such as "https://registry.ollama.ai"' })
    .default('https://registry.ollama.ai')
    .describe(
      "The registry that stands for Ollama's own, such as a cache in your network. It has to answer without a login. " +
        'Models that name their host (`hf.co/…`) come from there.',
    ),
});

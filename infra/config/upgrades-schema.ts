import { z } from 'zod';

const goldenSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, 'use lower-case letters, digits and hyphens, 40 at most')
    .describe('Name of the prompt, for what the upgrade says.'),
  prompt: z.string().min(1).max(300).describe('What the model is asked.'),
  expect: z
    .string()
    .min(1)
    .max(100)
    .refine(isPattern, 'write a regular expression of JavaScript, such as "\\\\b42\\\\b"')
    .optional()
    .describe('Regular expression, case aside, that a right answer matches.')
    .meta({ defaultText: 'none: only likeness to the answers of the replicas that serve counts' }),
});

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'i');
    return true;
  } catch {
    return false;
  }
}

const GOLDEN = [
  { name: 'sum', prompt: 'What is 12 plus 30? Answer with the number alone.', expect: '\\b42\\b' },
  { name: 'capital', prompt: 'What is the capital of France? Answer with one word.', expect: 'paris' },
  { name: 'repeat', prompt: 'Repeat these words: the quick brown fox', expect: 'quick brown fox' },
  { name: 'explain', prompt: 'Explain in one sentence why the sky is blue.' },
];

/** Together they travel in a variable of a function, which holds 4 KB with everything else. */
const GOLDEN_BYTES = 2000;

export const upgradesSchema = z.strictObject({
  soakSeconds: z
    .int()
    .min(5)
    .max(86_400)
    .default(300)
    .describe('How long a canary is asked beside the replicas that serve, before they are replaced.')
    .meta({ unit: 'seconds' }),
  bakeSeconds: z
    .int()
    .min(0)
    .max(604_800)
    .default(3600)
    .describe('How long a new control plane is watched before any node changes.')
    .meta({ unit: 'seconds' }),
  checkSeconds: z
    .int()
    .min(1)
    .max(300)
    .default(20)
    .describe(
      'How often EKS is asked how far it is: it takes minutes for a control plane, an add-on or a node.',
    )
    .meta({ unit: 'seconds' }),
  goldenPrompts: z
    .array(goldenSchema)
    .min(4)
    .max(12)
    .default(GOLDEN)
    .refine(
      (golden) => JSON.stringify(golden).length <= GOLDEN_BYTES,
      `takes more than ${GOLDEN_BYTES} characters in all: fewer or shorter prompts`,
    )
    .describe('What canaries and new replicas are asked, and how their answers are judged.'),
});

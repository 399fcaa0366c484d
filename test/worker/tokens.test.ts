import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { tokensAtEndOf, tokensOf } from '../../worker/tokens.ts';

const DIALECTS = [
  ['Ollama', (prompt: number, output: number) => ({ prompt_eval_count: prompt, eval_count: output })],
  [
    'completions',
    (prompt: number, output: number) => ({ usage: { prompt_tokens: prompt, completion_tokens: output } }),
  ],
  [
    'responses',
    (prompt: number, output: number) => ({ usage: { input_tokens: prompt, output_tokens: output } }),
  ],
] as const;

describe('the tokens of an answer', () => {
  it.each(DIALECTS)('are read in the words of %s, whatever the model wrote before them', (_name, counts) => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), fc.string(), (prompt, output, text) => {
        const answer = { response: `${text}"eval_count": 9, "prompt_tokens":9`, ...counts(prompt, output) };
        const expected = { prompt, generated: output };
        expect(tokensOf(answer)).toEqual(expected);
        expect(tokensAtEndOf(JSON.stringify(answer))).toEqual(expected);
      }),
    );
  });

  it.each([[null], ['text'], [{}], [{ usage: null }], [{ eval_count: 'many' }]])('are 0 in %j', (answer) => {
    expect(tokensOf(answer)).toEqual({ prompt: 0, generated: 0 });
  });
});

import { queuedRequestSchema } from '../../../core/protocol/request.ts';
import { openLoop } from '../../../local/scenarios/load.ts';
import { scenarioRequest } from '../../../local/scenarios/request.ts';

const size = { promptTokens: 9, outputTokens: 40 };
const base = { fleet: 'cpu', model: 'llama3.1:8b', submittedAt: 1, ...size };

describe("a scenario's request", () => {
  it('is one that a worker understands, whatever plays it', () => {
    const request = scenarioRequest(7, base);
    expect(queuedRequestSchema.parse(request)).toEqual(request);
    expect(request.body).toMatchObject({ model: 'llama3.1:8b', options: { num_predict: 40 } });
  });

  it("asks the benchmark's question, and longer ones at about the stated length", () => {
    expect(scenarioRequest(1, base).body?.prompt).toBe('Explain quantum computing in one sentence.');
    expect(String(scenarioRequest(1, { ...base, promptTokens: 500 }).body?.prompt)).toHaveLength(2000);
  });
});

describe('an open loop', () => {
  it('fails with the reason of a request that could not be sent, after the others were', async () => {
    const sent: number[] = [];
    const client = {
      signal: new AbortController().signal,
      whenReadable: () => Promise.resolve(),
      submit: async ({ outputTokens }: { outputTokens: number }) => {
        if (outputTokens === 1) throw new Error('the queue is gone');
        sent.push(outputTokens);
        return '';
      },
    };
    const arrivals = [1, 2, 3].map((outputTokens, index) => ({
      offsetSeconds: index / 100,
      promptTokens: 1,
      outputTokens,
    }));
    await expect(openLoop(client, arrivals)).rejects.toThrow('the queue is gone');
    expect(sent).toEqual([2, 3]);
  });
});

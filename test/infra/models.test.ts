import { isEmbeddingModel, parametersInBillions } from '../../infra/config/models.ts';

describe('parametersInBillions', () => {
  it.each([
    ['llama3.1:8b', 8],
    ['llama3.1:70b-instruct-q4_K_M', 70],
    ['gemma3:270m', 0.27],
    ['qwen2.5:0.5b', 0.5],
    ['mixtral:8x7b', 56],
    ['gemma3n:e4b', 4],
    ['registry.example.com/team/llama3.1:8b', 8],
    ['hf.co/someone/Llama-3.2-3B-Instruct-GGUF', 3],
    ['hf.co/someone/Llama-3.2-3B-Instruct-GGUF:Q4_K_M', 3],
    ['mistral', undefined],
    ['mistral:latest', undefined],
    ['phi4:q8_0', undefined],
  ])('%s → %s', (model, billions) => {
    expect(parametersInBillions(model)).toBe(billions);
  });
});

describe('isEmbeddingModel', () => {
  it.each([
    'nomic-embed-text',
    'mxbai-embed-large:335m',
    'all-minilm:33m',
    'bge-m3',
    'embeddinggemma:300m',
    'qwen3-embedding:8b',
    'someone/snowflake-arctic-embed2:latest',
  ])('%s', (model) => {
    expect(isEmbeddingModel(model)).toBe(true);
  });

  it.each(['llama3.1:8b', 'embedder/llama3.1:8b', 'gemma3:4b'])('not %s', (model) => {
    expect(isEmbeddingModel(model)).toBe(false);
  });
});

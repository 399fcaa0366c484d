import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../worker/config.ts';

const good = {
  PADDOCK_FLEET: 'cpu',
  PADDOCK_POOL: 'main',
  POD_NAME: 'cpu-main-0',
  POD_UID: 'u',
  POD_NAMESPACE: 'paddock',
  PADDOCK_MODELS: 'llama3.1:8b, tiny',
  PADDOCK_SLOTS: '4',
  PADDOCK_QUEUE_URL: 'http://127.0.0.1:1/q',
  PADDOCK_MODELS_BUCKET: 'models',
  PADDOCK_MODELS_DIR: '/models',
  PADDOCK_DEAD_LETTER_QUEUE_URL: 'http://127.0.0.1:1/q-dead',
  PADDOCK_RESULTS_BUCKET: 'b',
};

describe("the worker's environment", () => {
  it('has defaults for what is not said', () => {
    expect(loadConfig(good)).toMatchObject({
      models: ['llama3.1:8b', 'tiny'],
      slots: 4,
      visibilitySeconds: 30,
      heartbeatSeconds: 2,
      requestTimeoutSeconds: 600,
      ollamaUrl: 'http://127.0.0.1:11434',
      listenHost: '0.0.0.0',
      listenPort: 8080,
      metricsPort: 9090,
    });
  });

  it('names everything that is wrong at once', () => {
    const { PADDOCK_FLEET: _, ...rest } = good;
    const wrong = { ...rest, PADDOCK_SLOTS: '0', PADDOCK_MODELS: ' , ', PADDOCK_VISIBILITY_SECONDS: 'soon' };
    expect(() => loadConfig(wrong)).toThrow(
      /PADDOCK_FLEET is not set[\s\S]*PADDOCK_MODELS names no model[\s\S]*PADDOCK_SLOTS must be at least 1[\s\S]*PADDOCK_VISIBILITY_SECONDS is not a number/,
    );
  });
});

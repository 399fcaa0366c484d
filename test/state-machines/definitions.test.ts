import { readdirSync } from 'node:fs';
import { StateMachine } from 'aws-local-stepfunctions';
import { definition } from './harness.ts';

const names = readdirSync(new URL('../../state-machines', import.meta.url))
  .filter((file) => file.endsWith('.asl.json'))
  .map((file) => file.replace('.asl.json', ''));

describe('state machine definitions', () => {
  it('are there', () => expect(names).toEqual(expect.arrayContaining(['scale', 'warmup'])));

  it.each(names)('%s is valid in schema, paths and ARNs', (name) => {
    expect(() => new StateMachine(definition(name))).not.toThrow();
  });

  it.each(names)('%s is JSONPath only: the local engine passes JSONata over in silence', (name) => {
    expect(JSON.stringify(definition(name))).not.toMatch(/JSONata|\{%/);
  });
});

import type { SSMClient } from '@aws-sdk/client-ssm';
import { parseFleetParameters, SsmFleetParameters } from '../../adapters/aws/fleet-parameters.ts';
import { policy } from '../functions/scaler/world.ts';

const parameters = {
  policy: policy(),
  clusterName: 'test',
  queueUrl: 'url',
};

describe('fleet parameters', () => {
  it('are read once a minute, and a failed reading is not kept', async () => {
    let now = 0;
    const answers: (string | Error)[] = [
      new Error('down'),
      JSON.stringify(parameters),
      JSON.stringify(parameters),
    ];
    const client = {
      send: async () => {
        const answer = answers.shift();
        if (typeof answer !== 'string') throw answer;
        return { Parameter: { Value: answer } };
      },
    };
    const reader = new SsmFleetParameters('/p/', client as unknown as SSMClient, () => now);

    await expect(reader.read('cpu')).rejects.toThrow('read the parameter /p/cpu of the fleet');
    await reader.read('cpu');
    now = 59_999;
    await reader.read('cpu');
    expect(answers).toHaveLength(1);
    now = 60_000;
    await reader.read('cpu');
    expect(answers).toHaveLength(0);
  });

  it('keep what a newer stack adds', () => {
    const newer = { ...parameters, extra: 1, policy: { ...policy(), newRule: true } };
    expect(parseFleetParameters(JSON.stringify(newer), 'name')).toEqual(newer);
  });

  it.each([
    ['no JSON', '{', /name is not JSON; deploy the stack again/],
    ['an empty one', '', /is not JSON/],
    ['a missing queue', JSON.stringify({ ...parameters, queueUrl: undefined }), /queueUrl/],
    [
      'an impossible share',
      JSON.stringify({ ...parameters, policy: policy({ spotShare: 2 }) }),
      /policy\.spotShare/,
    ],
    ['no pools', JSON.stringify({ ...parameters, policy: policy({ pools: [] }) }), /policy\.pools/],
  ])('with %s are refused by name', (_, text, message) => {
    expect(() => parseFleetParameters(text, 'name')).toThrow(message);
  });
});

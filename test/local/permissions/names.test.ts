import { Names } from '../../../local/permissions/names.ts';
import { templatesOf } from '../../../local/permissions/synthesize.ts';
import config from '../../../paddock.config.ts';

const app = templatesOf(config);
const names = new Names(app, config);
const arnOf = (type: string) => String(app.resources.find((one) => one.type === type)?.attribute('Arn'));

describe('names that mean the same in every deployment', () => {
  it('stand for resources of the templates, and can be turned back', () => {
    const object = `${arnOf('AWS::S3::Bucket')}/results/cpu/x.json`;
    expect(names.shorten(arnOf('AWS::DynamoDB::Table'))).toBe('{Table}');
    expect(names.shorten(object)).toBe('{Results}/results/cpu/x.json');
    expect(names.lengthen('{Results}/results/cpu/x.json')).toBe(object);
    expect(names.lengthen('*')).toBe('*');
    expect(() => names.lengthen('{Gone}')).toThrow('no resource Gone');
  });

  it('are never those of a resource whose name another one begins with', () => {
    const [short, long] = ['paddock-cpu', 'paddock-cpu-dead-letters'].map((queue) =>
      String(app.queues.find(({ name }) => name === queue)?.arn),
    );
    expect(names.shorten(String(long))).not.toContain(names.shorten(String(short)));
  });

  it('are the same for each fleet and each of its pools', () => {
    const roles = app.roles.map(({ arn }) => names.general(names.role(arn)));
    expect(roles.filter((name) => name === 'Fleet<fleet>WorkerRole')).toHaveLength(2);
    const [a, b] = ['paddock-cpu-base-a', 'paddock-gpu-spot'].map((name) => names.general(name));
    expect([a, b]).toEqual(['paddock-<fleet>-<pool>', 'paddock-<fleet>-<pool>']);
    expect(names.general('ServiceAccount paddock/paddock-worker-gpu')).toBe(
      'ServiceAccount paddock/paddock-worker-<fleet>',
    );
    expect(names.general('gpus of a cpuset')).toBe('gpus of a cpuset');
  });
});

import { Names } from '../../../local/permissions/names.ts';
import config from '../../../paddock.config.ts';
import { load } from '../template/support.ts';

const queue = (name: string) => ({ Type: 'AWS::SQS::Queue', Properties: { QueueName: name } });
const role = { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: {} } };

const app = load({
  App: {
    Resources: {
      TableCD117FA1: {
        Type: 'AWS::DynamoDB::Table',
        Properties: { KeySchema: [], AttributeDefinitions: [] },
      },
      Results25575328: { Type: 'AWS::S3::Bucket', Properties: {} },
      FleetcpuQueue0A1B2C3D: queue('paddock-cpu'),
      FleetcpuDeadLetters4E5F6A7B: queue('paddock-cpu-dead-letters'),
      FleetcpuWorkerRoleEB014FA7: role,
      FleetgpuWorkerRole3D32EF97: role,
    },
  },
});
const names = new Names(app, config);
const arnOf = (id: string): string =>
  String(app.resources.find(({ logicalId }) => logicalId.startsWith(id))?.attribute('Arn'));

describe('names that mean the same in every deployment', () => {
  it('stand for resources of the templates, and can be turned back', () => {
    const object = `${arnOf('Results')}/results/cpu/x.json`;
    expect(names.shorten(arnOf('Table'))).toBe('{Table}');
    expect(names.shorten(object)).toBe('{Results}/results/cpu/x.json');
    expect(names.lengthen('{Results}/results/cpu/x.json')).toBe(object);
    expect(names.lengthen('*')).toBe('*');
    expect(() => names.lengthen('{Gone}')).toThrow('no resource Gone');
  });

  it('are never those of a resource whose name another one begins with', () => {
    expect(names.shorten(arnOf('FleetcpuDeadLetters'))).toBe('{FleetcpuDeadLetters}');
    expect(names.shorten(arnOf('FleetcpuQueue'))).toBe('{FleetcpuQueue}');
    expect(names.shorten(`${arnOf('FleetcpuQueue')}-2`)).not.toContain('{');
  });

  it('are the same for each fleet and each of its pools', () => {
    const roles = app.roles.map(({ arn }) => names.general(names.role(arn)));
    expect(roles).toEqual(['Fleet<fleet>WorkerRole', 'Fleet<fleet>WorkerRole']);
    const nodegroups = ['paddock-cpu-base-a', 'paddock-gpu-spot'].map((name) => names.general(name));
    expect(nodegroups).toEqual(['paddock-<fleet>-<pool>', 'paddock-<fleet>-<pool>']);
    expect(names.general('ServiceAccount paddock/paddock-worker-gpu')).toBe(
      'ServiceAccount paddock/paddock-worker-<fleet>',
    );
    expect(names.general('gpus of a cpuset')).toBe('gpus of a cpuset');
  });

  it('are the same in each account and region, and for each content of a file', () => {
    const asset = `arn:aws:s3:::cdk-hnb659fds-assets-111122223333-eu-west-1/${'0a'.repeat(32)}.mjs`;
    expect(names.general(asset)).toBe('s3:cdk-hnb659fds-assets-<account>-<region>/<hash>.mjs');
    expect(names.general('arn:aws:ssm:us-east-1:111122223333:parameter/x')).toBe('ssm:parameter/x');
  });

  it('stand for names that CloudFormation makes up', () => {
    const made = app.resources.find(({ type }) => type === 'AWS::DynamoDB::Table')?.name;
    expect([names.named(String(made)), names.named('paddock-cpu')]).toEqual(['{Table}', 'paddock-cpu']);
  });
});

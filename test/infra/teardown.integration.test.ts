import { defineConfig, type PaddockConfig, presets } from '../../infra/config/index.ts';
import { CLUSTER_TAG } from '../../infra/constructs/cluster-tag.ts';
import config from '../../paddock.config.ts';
import { ofType, synthesize, type Template } from './templates.ts';

const templates = (configuration: PaddockConfig): Template[] => {
  const { state, cluster, controlPlane, monitoring } = synthesize(configuration);
  return [state, cluster, controlPlane, monitoring];
};
const kept = templates(config);
const gone = templates(defineConfig({ region: 'us-east-1', retainData: false, fleets: [presets.cpu()] }));
const all = (of: Template[], type: string) => of.flatMap((template) => ofType(template, type));

const DATA = ['AWS::DynamoDB::Table', 'AWS::S3::Bucket'] as const;

describe('cdk destroy', () => {
  it.each(DATA)('leaves each %s with its data, unless the configuration says otherwise', (type) => {
    expect(all(kept, type).length).toBeGreaterThan(0);
    for (const [, { DeletionPolicy }] of all(kept, type)) expect(DeletionPolicy).toBe('Retain');
    for (const [, { DeletionPolicy }] of all(gone, type)) expect(DeletionPolicy).toBe('Delete');
  });

  it('empties a bucket that it deletes', () => {
    const emptied = all(gone, 'Custom::S3AutoDeleteObjects').map(
      ([, { Properties }]) => Properties.BucketName,
    );

    expect(emptied).toEqual(all(gone, 'AWS::S3::Bucket').map(([id]) => ({ Ref: id })));
  });

  it('leaves nothing else: whatever is kept is data', () => {
    const left = (of: Template[]) =>
      of
        .flatMap(({ Resources }) => Object.values(Resources))
        .filter(({ DeletionPolicy }) => DeletionPolicy?.startsWith('Retain'))
        .map(({ Type }) => Type);

    expect(left(kept).filter((type) => !DATA.includes(type as (typeof DATA)[number]))).toEqual([]);
    expect(left(gone)).toEqual([]);
  });

  it('takes each log group along, which until then forgets after the configured days', () => {
    const groups = all(kept, 'AWS::Logs::LogGroup');

    expect(groups.length).toBeGreaterThan(0);
    for (const [, { DeletionPolicy, Properties }] of groups) {
      expect(DeletionPolicy).toBe('Delete');
      expect(Properties.RetentionInDays).toBe(config.logRetentionDays);
    }
  });
});

it('every function logs to a group of the template: none of ours makes one that stays behind', () => {
  const groups = JSON.stringify(all(kept, 'AWS::Logs::LogGroup'));
  const without = all(kept, 'AWS::Lambda::Function')
    .filter(([id, { Properties }]) => !Properties.LoggingConfig?.LogGroup && !groups.includes(`"${id}"`))
    .map(([id]) => id);

  // Of the CDK: docs/deploy.md tells how to remove its group.
  expect(without).toEqual([expect.stringMatching(/^CustomVpcRestrictDefaultSG/)]);
});

it("what is there, or left behind, is found by the cluster's tag", () => {
  const tagged = (type: string) =>
    all(kept, type).map(
      ([, { Properties }]) =>
        (Properties.Tags as { Key: string; Value: string }[])?.find(({ Key }) => Key === CLUSTER_TAG)?.Value,
    );

  for (const type of [...DATA, 'AWS::Logs::LogGroup', 'AWS::EC2::NatGateway', 'AWS::SQS::Queue'])
    expect(new Set(tagged(type))).toEqual(new Set(['paddock']));
});

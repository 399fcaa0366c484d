import { App, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { acceptFindings, grant, PatternStatement } from '../../infra/constructs/findings.ts';

function newStack() {
  const app = new App({ analyticsReporting: false, builtinCloudFormationValidation: false });
  const stack = new Stack(app, 'Some', { env: { region: 'eu-west-1' } });
  const template = () => app.synth().getStackByName('Some').template;
  const violations = () => new AwsSolutionsChecks().validateScope(app).violations.map((v) => v.ruleName);
  return { stack, template, violations };
}

const metadataOf = (template: ReturnType<ReturnType<typeof newStack>['template']>, type: string) =>
  Object.values<{ Type: string; Metadata: object }>(template.Resources).find(({ Type }) => Type === type)
    ?.Metadata;

describe('accepted findings', () => {
  it('stand in the resource in the form that each checker reads, those of several calls together', () => {
    const { stack, template } = newStack();
    const bucket = new Bucket(stack, 'Bucket');

    acceptFindings(bucket, { CKV_AWS_18: 'no log', W3045: 'old' });
    acceptFindings(bucket, { CKV_AWS_21: 'no versions' });

    expect(metadataOf(template(), 'AWS::S3::Bucket')).toMatchObject({
      checkov: {
        skip: [
          { id: 'CKV_AWS_18', comment: 'no log' },
          { id: 'CKV_AWS_21', comment: 'no versions' },
        ],
      },
      'cfn-lint': { config: { ignore_checks: ['W3045'] } },
      'paddock:accepted-findings': { CKV_AWS_18: 'no log', W3045: 'old', CKV_AWS_21: 'no versions' },
    });
  });

  it('are those of cdk-nag that were named, at that resource alone', () => {
    const { stack, violations } = newStack();
    acceptFindings(new Bucket(stack, 'One'), { 'AwsSolutions-S1': 'no log' });
    expect(violations()).toEqual(['AwsSolutions-S10']);

    new Bucket(stack, 'Other', { enforceSSL: true });
    expect(violations().toSorted()).toEqual(['AwsSolutions-S1', 'AwsSolutions-S10']);
  });

  it("are cfn-lint's for a whole template, and no other checker's", () => {
    const { stack, template } = newStack();
    acceptFindings(stack, { W3005: 'harmless' });

    expect(template().Metadata['cfn-lint']).toEqual({ config: { ignore_checks: ['W3005'] } });
    expect(() => acceptFindings(stack, { 'AwsSolutions-S1': 'no log' })).toThrow(/not in all of Some/);
    expect(() => acceptFindings(stack, { CKV_AWS_18: 'no log' })).toThrow(/at their resource/);
  });
});

describe('a grant on a pattern', () => {
  it('takes its reason along, for the patterns that it names and no other', () => {
    const { stack, violations } = newStack();
    const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    const bucket = new Bucket(stack, 'Bucket', { enforceSSL: true });
    acceptFindings(bucket, { 'AwsSolutions-S1': 'no log' });

    const read = {
      actions: ['s3:GetObject'],
      resources: [bucket.arnForObjects('results/*'), bucket.bucketArn],
    };
    grant(role, new PatternStatement({ ...read, reason: 'one object per request' }));
    expect(violations()).toEqual([]);

    grant(
      role,
      new PatternStatement({ actions: ['ec2:DescribeSubnets'], resources: ['*'], reason: 'no ARN' }),
    );
    expect(violations()).toEqual([]);

    role.addToPolicy(
      new PatternStatement({ ...read, resources: [bucket.arnForObjects('*')], reason: 'none' }),
    );
    expect(violations()).toEqual([expect.stringMatching(/IAM5\[Resource::<Bucket.*\.Arn>\/\*\]/)]);
  });
});

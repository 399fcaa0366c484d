import type { Template } from '../infra/templates.ts';
import { acceptedIn, bare, type Finding, grouped, idle, open } from './finding.ts';

const finding = (changes: Partial<Finding> = {}): Finding => ({
  checker: 'checkov',
  rule: 'CKV_AWS_18',
  message: 'no log',
  variant: 'one',
  stack: 'Stack',
  resource: 'Bucket',
  ...changes,
});

describe('what is accepted', () => {
  it('is read from the template, at the resource and at the template itself', () => {
    const template = {
      Resources: {
        Bucket: {
          Type: 'X',
          Properties: {},
          Metadata: { 'paddock:accepted-findings': { CKV_AWS_18: 'no log' } },
        },
      },
      Outputs: {},
      Metadata: { 'paddock:accepted-findings': { W3005: 'harmless' } },
    } as Template;

    expect(acceptedIn({ variant: 'one', stack: 'Stack', template })).toEqual([
      finding({ checker: 'cfn-lint', rule: 'W3005', message: 'harmless', resource: undefined }),
      finding(),
    ]);
  });

  it('covers a finding of the same rule, variant, stack and resource, and no other', () => {
    const others = [
      finding({ rule: 'CKV_AWS_21' }),
      finding({ variant: 'two' }),
      finding({ stack: 'Other' }),
      finding({ resource: 'Other' }),
    ];

    expect(open([finding(), ...others], [finding()])).toEqual(others);
  });

  it("covers what lies below a construct, for cdk-nag, and all of a template's, for cfn-lint", () => {
    const nag = (resource: string) => finding({ checker: 'cdk-nag', rule: 'AwsSolutions-S1', resource });
    const cfn = (resource: string | undefined) => finding({ checker: 'cfn-lint', rule: 'W3005', resource });

    expect(open([nag('Stack/A/Resource'), nag('Stack/AB/Resource')], [nag('Stack/A')])).toEqual([
      nag('Stack/AB/Resource'),
    ]);
    expect(open([cfn('Bucket'), cfn(undefined)], [cfn(undefined)])).toEqual([]);
  });

  it('is idle when no variant shows it', () => {
    const both = [finding(), finding({ variant: 'two' })];

    expect(idle(both, [finding({ variant: 'two' })])).toEqual([]);
    expect(idle(both, [finding({ resource: 'Other' })])).toHaveLength(1);
  });
});

it('a bare template keeps everything but what it accepts', () => {
  const template = {
    Resources: {
      Bucket: { Type: 'X', Properties: { a: 1 }, Metadata: { checkov: { skip: [] }, 'aws:asset:path': 'p' } },
    },
    Outputs: {},
    Metadata: { 'cfn-lint': {} },
  } as unknown as Template;

  expect(bare(template)).toEqual({
    Resources: { Bucket: { Type: 'X', Properties: { a: 1 }, Metadata: { 'aws:asset:path': 'p' } } },
    Outputs: {},
    Metadata: {},
  });
});

it('findings of the same place in several variants are one row', () => {
  expect(grouped([finding(), finding({ variant: 'two' }), finding({ rule: 'CKV_AWS_21' })])).toMatchObject([
    { rule: 'CKV_AWS_18', variants: ['one', 'two'] },
    { rule: 'CKV_AWS_21', variants: ['one'] },
  ]);
});

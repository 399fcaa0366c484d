import { load, resolved } from './support.ts';

/** As CDK's AwsCustomResource writes it. */
const initialValue = (name: string, value: string) => ({
  Type: 'Custom::InitialValue',
  Properties: {
    ServiceToken: 'arn:aws:lambda:eu-west-1:123456789012:function:calls',
    Create: JSON.stringify({
      service: 'SSM',
      action: 'putParameter',
      parameters: { Name: name, Value: value, Type: 'String', Overwrite: false },
    }),
  },
});
const STATE = { Resources: { Version: initialValue('/p/version', '1.36') } };

describe('a parameter that a deployment makes if it is missing', () => {
  it('is what templates read, by reference and as a parameter of theirs', () => {
    expect(resolved('{{resolve:ssm:/p/version}}', STATE)).toBe('1.36');
    expect(
      resolved(
        { Ref: 'Current' },
        {
          ...STATE,
          Parameters: { Current: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/p/version' } },
        },
      ),
    ).toBe('1.36');
  });

  it('is read as something else has left it', () => {
    const ssmParameters = { '/p/version': '1.37' };

    expect(resolved('{{resolve:ssm:/p/version}}', STATE, { ssmParameters })).toBe('1.37');
  });

  it('exists in Systems Manager', () => {
    expect(load({ State: STATE }).parameters).toMatchObject([
      { name: '/p/version', value: '1.36', type: 'String', logicalId: 'Version' },
    ]);
  });

  it('is refused when it is no call, with the place of the mistake', () => {
    const Broken = { Type: 'Custom::InitialValue', Properties: { Create: 'not a call' } };

    expect(() => load({ State: { Resources: { Broken } } })).toThrow(
      'State/Broken at Properties.Create: is no SDK call',
    );
  });
});

it("a node group's Auto Scaling group has a name for what is set up on AWS only", () => {
  const Described = {
    Type: 'Custom::NodegroupDescription',
    Properties: {
      Create: JSON.stringify({ action: 'describeNodegroup', parameters: { nodegroupName: 'p-cpu-spot' } }),
    },
  };
  const name = { 'Fn::GetAtt': ['Described', 'nodegroup.resources.autoScalingGroups.0.name'] };

  expect(resolved(name, { Resources: { Described } })).toMatch(/^eks-p-cpu-spot-[0-9a-f-]{36}$/);
});

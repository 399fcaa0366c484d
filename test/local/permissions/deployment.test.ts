import { deploymentCalls } from '../../../local/permissions/deployment.ts';
import { load } from '../template/support.ts';

const fn = {
  Type: 'AWS::Lambda::Function',
  Properties: {
    ...{ Runtime: 'nodejs24.x', Handler: 'index.handler', Code: { ZipFile: 'code' } },
    Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
  },
};
const role = { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: {} } };
const custom = (calls: Record<string, unknown>) => ({
  Type: 'Custom::Something',
  Properties: { ServiceToken: { 'Fn::GetAtt': ['Fn', 'Arn'] }, ...calls },
});
const put = (Name: string) =>
  JSON.stringify({ service: 'SSM', action: 'putParameter', parameters: { Name, Value: 'x' } });

describe('the calls of a deployment', () => {
  it('are those that custom resources state, for each moment, by the role of their function', () => {
    const app = load({
      App: { Resources: { Role: role, Fn: fn, Mark: custom({ Create: put('/a'), Delete: put('/b') }) } },
    });
    const [{ arn } = { arn: '' }] = app.roles;
    expect(deploymentCalls(app)).toMatchObject([
      { role: arn, action: 'ssm:PutParameter', resource: expect.stringMatching(/:parameter\/a$/) },
      { role: arn, action: 'ssm:PutParameter', resource: expect.stringMatching(/:parameter\/b$/) },
    ]);
  });

  it('name an Auto Scaling group by the tags that EKS will give it', () => {
    const AutoScalingGroupName = 'eks-paddock-cpu-spot-1234';
    const suspend = JSON.stringify({
      ...{ service: 'AutoScaling', action: 'suspendProcesses' },
      parameters: { AutoScalingGroupName, ScalingProcesses: ['AZRebalance'] },
    });
    const nodegroup = {
      Type: 'AWS::EKS::Nodegroup',
      Properties: {
        ...{ ClusterName: 'paddock', NodegroupName: 'paddock-cpu-spot', NodeRole: 'arn:aws:iam::1:role/r' },
        ...{ Subnets: ['subnet-1'], ScalingConfig: { MinSize: 0, MaxSize: 1 }, InstanceTypes: ['c6a.large'] },
      },
    };
    const app = load({
      App: { Resources: { Role: role, Fn: fn, Nodes: nodegroup, Balanced: custom({ Create: suspend }) } },
    });
    expect(deploymentCalls(app)).toMatchObject([
      {
        action: 'autoscaling:SuspendProcesses',
        context: {
          'autoscaling:ResourceTag/eks:cluster-name': 'paddock',
          'autoscaling:ResourceTag/eks:nodegroup-name': 'paddock-cpu-spot',
        },
      },
    ]);
  });

  it('are none for custom resources that do something else, and for services that are not known here', () => {
    const other = JSON.stringify({ service: 'Route53', action: 'listHostedZones', parameters: {} });
    const app = load({
      App: {
        Resources: {
          Role: role,
          Fn: fn,
          A: custom({ Create: 'yes', Update: 3 }),
          B: custom({ Create: other }),
        },
      },
    });
    expect(deploymentCalls(app)).toEqual([]);
  });
});

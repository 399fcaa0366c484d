import { defineConfig, presets } from '../../infra/config/index.ts';
import config from '../../paddock.config.ts';
import { actionsOf, getAtt, ofType, one, statementsOf, synthesize } from './templates.ts';

const { controlPlane: template } = synthesize(config);
const [functionId, gateway] = one(template, 'AWS::Lambda::Function', { FunctionName: 'paddock-gateway' });
const roleId: string = gateway.Properties.Role['Fn::GetAtt'][0];
const statements = statementsOf(template, roleId);

const synthesizeWith = (options: Parameters<typeof defineConfig>[0]['gateway']) =>
  synthesize(defineConfig({ region: 'us-east-1', gateway: options, fleets: [presets.cpu()] })).controlPlane;

describe('the HTTP API', () => {
  it('has one route for everything, which calls the function with payload 2.0', () => {
    const [, integration] = one(template, 'AWS::ApiGatewayV2::Integration');

    expect(one(template, 'AWS::ApiGatewayV2::Route')[1].Properties.RouteKey).toBe('$default');
    expect(integration.Properties).toMatchObject({
      IntegrationType: 'AWS_PROXY',
      IntegrationUri: getAtt(functionId, 'Arn'),
      PayloadFormatVersion: '2.0',
    });
    expect(gateway.Properties.Timeout * 1000).toBeLessThan(integration.Properties.TimeoutInMillis);
  });

  it('may call the function, and no other API may', () => {
    const [, permission] = one(template, 'AWS::Lambda::Permission', {
      Principal: 'apigateway.amazonaws.com',
    });

    expect(permission.Properties.FunctionName).toEqual(getAtt(functionId, 'Arn'));
    expect(JSON.stringify(permission.Properties.SourceArn)).toContain(
      one(template, 'AWS::ApiGatewayV2::Api')[0],
    );
  });

  it('is throttled and logged at its stage, and closed to web pages', () => {
    expect(one(template, 'AWS::ApiGatewayV2::Stage')[1].Properties).toMatchObject({
      StageName: '$default',
      AutoDeploy: true,
      DefaultRouteSettings: { ThrottlingRateLimit: 100, ThrottlingBurstLimit: 200 },
      AccessLogSettings: { DestinationArn: expect.anything() },
    });
    expect(one(template, 'AWS::ApiGatewayV2::Api')[1].Properties.CorsConfiguration).toBeUndefined();
  });

  it('opens to the web pages that the configuration names', () => {
    const open = synthesizeWith({ corsOrigins: ['https://app.example.com'] });

    expect(one(open, 'AWS::ApiGatewayV2::Api')[1].Properties.CorsConfiguration).toMatchObject({
      AllowOrigins: ['https://app.example.com'],
    });
  });

  it('is not there when it is switched off', () => {
    const without = synthesizeWith({ enabled: false });

    for (const type of ['AWS::ApiGatewayV2::Api', 'AWS::SecretsManager::Secret'])
      expect(ofType(without, type)).toEqual([]);
    expect(without.Outputs.GatewayUrl).toBeUndefined();
  });
});

describe('the gateway function', () => {
  it('knows which fleet serves which model', () => {
    const { PADDOCK_FLEETS, ...variables } = gateway.Properties.Environment.Variables;
    const text = JSON.stringify(PADDOCK_FLEETS);

    for (const { name, models } of config.fleets) {
      expect(text).toContain(`\\"name\\":\\"${name}\\"`);
      for (const model of models) expect(text).toContain(model);
    }
    expect(variables).toMatchObject({
      PADDOCK_API_KEYS_SECRET: 'paddock/paddock/gateway-keys',
      PADDOCK_MAX_BODY_BYTES: '2097152',
    });
  });

  it('may do exactly this', () => {
    expect([...new Set(statements.flatMap(actionsOf))].toSorted()).toEqual([
      'dynamodb:GetItem',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      's3:DeleteObject',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
      'secretsmanager:GetSecretValue',
      'sqs:SendMessage',
      'states:StartExecution',
    ]);
  });

  it('can neither read what others submit in full nor change plans and memory', () => {
    const reading = statements.filter((statement) => actionsOf(statement).includes('s3:GetObject'));

    expect(JSON.stringify(reading)).not.toContain('/requests/');
    expect(statements.flatMap(actionsOf)).not.toContain('dynamodb:PutItem');
  });

  it('counts requests only where each key has a limit, and may change nothing else of the table', () => {
    expect(gateway.Properties.Environment.Variables.PADDOCK_KEY_LIMIT).toBeUndefined();
    const limited = synthesizeWith({ perKey: { requestsPerMinute: 600, burst: 50 } });
    const [, fn] = one(limited, 'AWS::Lambda::Function', { FunctionName: 'paddock-gateway' });
    const grants = statementsOf(limited, fn.Properties.Role['Fn::GetAtt'][0]).filter((statement) =>
      actionsOf(statement).some((action) => /^dynamodb:(?!GetItem)/.test(action)),
    );

    expect(JSON.parse(fn.Properties.Environment.Variables.PADDOCK_KEY_LIMIT)).toEqual({
      ...{ requestsPerMinute: 600, burst: 50 },
    });
    expect(grants).toEqual([
      expect.objectContaining({
        Action: 'dynamodb:UpdateItem',
        Condition: {
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['rate#*'] },
          Null: { 'dynamodb:LeadingKeys': 'false' },
        },
      }),
    ]);
  });

  it('has a secret for its keys that no template gives a value', () => {
    const [secretId, secret] = one(template, 'AWS::SecretsManager::Secret');

    expect(secret.Properties.Name).toBe('paddock/paddock/gateway-keys');
    expect(secret.Properties.SecretString ?? secret.Properties.GenerateSecretString).toBeUndefined();
    const grant = statements.find((statement) =>
      actionsOf(statement).includes('secretsmanager:GetSecretValue'),
    );
    expect(grant?.Resource).toEqual({ Ref: secretId });
  });
});

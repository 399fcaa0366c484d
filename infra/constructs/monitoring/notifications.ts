import { ArnFormat, Aws, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';

/** Where alarms are told. With a key of our own: SNS's default one lets no alarm publish. */
export function createAlarmTopic(scope: Construct, clusterName: string, emails: readonly string[]): Topic {
  const alarms = new ServicePrincipal('cloudwatch.amazonaws.com');
  const key = new Key(scope, 'AlarmKey', {
    description: `${clusterName}: encrypts what alarms tell`,
    enableKeyRotation: true,
    // Nothing that it encrypts is kept, and a key that is kept goes on costing.
    pendingWindow: Duration.days(30),
    removalPolicy: RemovalPolicy.DESTROY,
  });
  key.addToResourcePolicy(
    new PolicyStatement({
      principals: [alarms],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      // In a key's own policy `*` is this key. AWS documents no condition that alarms satisfy; the topic's policy has one.
      resources: ['*'],
    }),
  );
  const topic = new Topic(scope, 'Alarms', {
    topicName: `${clusterName}-alarms`,
    displayName: `Paddock ${clusterName}`,
    masterKey: key,
    enforceSSL: true,
  });
  // A topic with a policy of its own no longer lets everything of the account publish.
  topic.addToResourcePolicy(
    new PolicyStatement({
      principals: [alarms],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: {
        StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
        ArnLike: {
          'aws:SourceArn': Stack.of(scope).formatArn({
            service: 'cloudwatch',
            resource: 'alarm',
            resourceName: `${clusterName}-*`,
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        },
      },
    }),
  );
  for (const email of emails) topic.addSubscription(new EmailSubscription(email));
  return topic;
}

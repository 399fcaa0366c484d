import { Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acceptFindings } from './findings.ts';

/** Attempts are counted by the worker; this only catches messages that no worker survives to count. */
const MAX_RECEIVES = 20;

export interface FleetQueues {
  readonly queue: Queue;
  readonly deadLetters: Queue;
}

export interface FleetQueueProps {
  readonly queueName: string;
  /** As the workers ask for it when they take a message. */
  readonly visibilitySeconds: number;
}

/** Where a fleet's requests wait, and where those end that could not be answered. */
export class FleetQueue extends Construct implements FleetQueues {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, { queueName, visibilitySeconds }: FleetQueueProps) {
    super(scope, id);
    this.deadLetters = new Queue(this, 'DeadLetters', {
      queueName: `${queueName}-dead-letters`,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // Longer than the queue's: a message keeps its age when it moves here.
      retentionPeriod: Duration.days(14),
    });
    this.queue = new Queue(this, 'Queue', {
      queueName,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: Duration.seconds(visibilitySeconds),
      retentionPeriod: Duration.days(7),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
    for (const queue of [this.queue, this.deadLetters])
      acceptFindings(queue, {
        CKV_AWS_27:
          "SQS encrypts with its own key (SSE-SQS); the rule looks for a key of one's own, which every sender would need rights on.",
      });
  }
}

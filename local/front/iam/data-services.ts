import { queueName } from '../sqs/names.ts';
import { type ContextValues, requestTags } from './context.ts';
import {
  arn,
  each,
  type Input,
  isArn,
  list,
  type Mapping,
  type MappingEnvironment,
  onAll,
  optionalText,
  record,
  type ServiceMappings,
  tagsOf,
  text,
} from './mapping.ts';

const onQueue =
  (action?: string): Mapping =>
  (input, environment, operation) => {
    const name = optionalText(input, 'QueueName') ?? queueName(text(input, 'QueueUrl'));
    const context = requestTags(tagsOf(input.tags ?? input.Tags));
    return [{ action: `sqs:${action ?? operation}`, resource: arn('sqs', environment, name), context }];
  };

export const sqs: ServiceMappings = {
  ...each(
    onQueue(),
    'CreateQueue',
    'DeleteQueue',
    'GetQueueUrl',
    'GetQueueAttributes',
    'SetQueueAttributes',
    'PurgeQueue',
    'SendMessage',
    'ReceiveMessage',
    'DeleteMessage',
    'ChangeMessageVisibility',
    'TagQueue',
    'UntagQueue',
    'ListQueueTags',
  ),
  // IAM has no actions for batches.
  SendMessageBatch: onQueue('SendMessage'),
  DeleteMessageBatch: onQueue('DeleteMessage'),
  ChangeMessageVisibilityBatch: onQueue('ChangeMessageVisibility'),
  ListQueues: onAll('sqs'),
};

const tableArn = (environment: MappingEnvironment, name: string): string =>
  isArn(name) ? name : arn('dynamodb', environment, `table/${name}`);

/** Of a call about one item, as DynamoDB has it. The partition key of Paddock's table is called `pk`. */
function leadingKey(input: Record<string, unknown>): ContextValues {
  const { pk } = record(input.Key ?? input.Item);
  const value = record(pk).S;
  return typeof value === 'string' ? { 'dynamodb:LeadingKeys': [value] } : {};
}

const onTable: Mapping = (input, environment, operation) => {
  const table = tableArn(environment, text(input, 'TableName'));
  const index = optionalText(input, 'IndexName');
  const context = { ...requestTags(tagsOf(input.Tags)), ...leadingKey(input) };
  return [{ action: `dynamodb:${operation}`, resource: index ? `${table}/index/${index}` : table, context }];
};

const onRequestedTables: Mapping = (input, environment, operation) =>
  Object.keys(record(input.RequestItems)).map((name) => ({
    action: `dynamodb:${operation}`,
    resource: tableArn(environment, name),
  }));

const onTaggedTable: Mapping = (input, _environment, operation) => [
  {
    action: `dynamodb:${operation}`,
    resource: text(input, 'ResourceArn'),
    context: requestTags(tagsOf(input.Tags)),
  },
];

/** Without transactions: dynalite has none. */
export const dynamodb: ServiceMappings = {
  ...each(
    onTable,
    'CreateTable',
    'DeleteTable',
    'DescribeTable',
    'UpdateTable',
    'DescribeTimeToLive',
    'GetItem',
    'PutItem',
    'UpdateItem',
    'DeleteItem',
    'Query',
    'Scan',
  ),
  ...each(onRequestedTables, 'BatchGetItem', 'BatchWriteItem'),
  ...each(onTaggedTable, 'TagResource', 'UntagResource', 'ListTagsOfResource'),
  ListTables: onAll('dynamodb'),
};

const objectCheck = (action: string, bucket: string, key: string, context = {}) => {
  const folder = key.includes('/') ? `${key.slice(0, key.lastIndexOf('/'))}/` : '';
  return {
    action: `s3:${action}`,
    resource: `arn:aws:s3:::${bucket}/${key}`,
    reportAs: `arn:aws:s3:::${bucket}/${folder}*`,
    context,
  };
};

const onObject =
  (action?: string): Mapping =>
  (input, _environment, operation) => [
    objectCheck(action ?? operation, text(input, 'Bucket'), text(input, 'Key')),
  ];

/** Conditions on the object's state need the right to read it; that it must not exist yet does not. */
const putObject: Mapping = (input) => {
  const [bucket, key] = [text(input, 'Bucket'), text(input, 'Key')];
  const ifMatch = optionalText(input, 'IfMatch');
  const ifNoneMatch = optionalText(input, 'IfNoneMatch');
  const context = {
    ...(ifMatch ? { 's3:if-match': ifMatch } : {}),
    ...(ifNoneMatch ? { 's3:if-none-match': ifNoneMatch } : {}),
  };
  const checks = [objectCheck('PutObject', bucket, key, context)];
  if (ifMatch) checks.push(objectCheck('GetObject', bucket, key));
  const [sourceBucket, ...sourceKey] = decodeURIComponent(optionalText(input, 'CopySource') ?? '')
    .replace(/^\//, '')
    .split('/');
  if (sourceBucket) checks.push(objectCheck('GetObject', sourceBucket, sourceKey.join('/')));
  return checks;
};

/** A condition on the object's state needs the right to read it, here too. */
const deleteObject: Mapping = (input) => {
  const [bucket, key] = [text(input, 'Bucket'), text(input, 'Key')];
  const ifMatch = optionalText(input, 'IfMatch');
  if (!ifMatch) return [objectCheck('DeleteObject', bucket, key)];
  return [
    objectCheck('DeleteObject', bucket, key, { 's3:if-match': ifMatch }),
    objectCheck('GetObject', bucket, key),
  ];
};

const onBucket =
  (action?: string): Mapping =>
  (input, _environment, operation) => [
    {
      action: `s3:${action ?? operation}`,
      resource: `arn:aws:s3:::${text(input, 'Bucket')}`,
      context: listContext(input),
    },
  ];

const listContext = (input: Input): Record<string, string> => ({
  ...(typeof input.Prefix === 'string' ? { 's3:prefix': input.Prefix } : {}),
  ...(typeof input.Delimiter === 'string' ? { 's3:delimiter': input.Delimiter } : {}),
  ...(typeof input.MaxKeys === 'string' ? { 's3:max-keys': input.MaxKeys } : {}),
});

export const s3: ServiceMappings = {
  GetObject: onObject(),
  HeadObject: onObject('GetObject'),
  PutObject: putObject,
  CopyObject: putObject,
  DeleteObject: deleteObject,
  DeleteObjects: (input) =>
    list(input, 'Keys').map((key) => objectCheck('DeleteObject', text(input, 'Bucket'), String(key))),
  CreateMultipartUpload: onObject('PutObject'),
  UploadPart: onObject('PutObject'),
  CompleteMultipartUpload: putObject,
  AbortMultipartUpload: onObject(),
  CreateBucket: onBucket(),
  DeleteBucket: onBucket(),
  HeadBucket: onBucket('ListBucket'),
  ListObjects: onBucket('ListBucket'),
  ListObjectsV2: onBucket('ListBucket'),
  ListBuckets: onAll('s3', 'ListAllMyBuckets'),
};

import { DescribeTableCommand, DynamoDBClient, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import {
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import type { Front } from '../../../local/front/front.ts';
import { ACCOUNT, clientFor, createTable, REGION, startTestFront } from './harness.ts';

const TableName = 'paddock';
let front: Front;
let client: DynamoDBClient;
let table: DynamoDBDocumentClient;

beforeAll(async () => {
  front = await startTestFront();
  client = new DynamoDBClient(clientFor(front, front.admin));
  table = DynamoDBDocumentClient.from(client);
  await createTable(front, TableName);
});

afterAll(async () => {
  client.destroy();
  await front.stop();
});

describe('DynamoDB behind the front', () => {
  it('makes a table that is ready at once, under this account', async () => {
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    expect(Table?.TableStatus).toBe('ACTIVE');
    expect(Table?.TableArn).toBe(`arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${TableName}`);
  });

  it('puts and gets, and puts on condition', async () => {
    const Key = { pk: 'fleet#cpu', sk: 'memory' };
    const write = (version: number, expected: number) =>
      table.send(
        new PutCommand({
          TableName,
          Item: { ...Key, version, memory: { need: [1.5, 2], name: 'ü' } },
          ConditionExpression: 'attribute_not_exists(pk) OR version = :expected',
          ExpressionAttributeValues: { ':expected': expected },
        }),
      );
    await write(1, 0);
    await write(2, 1);
    await expect(write(2, 1)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
    const { Item } = await table.send(new GetCommand({ TableName, Key, ConsistentRead: true }));
    expect(Item).toEqual({ ...Key, version: 2, memory: { need: [1.5, 2], name: 'ü' } });
  });

  it('lets one of several take a lease', async () => {
    const take = (holder: string) =>
      table.send(
        new UpdateCommand({
          TableName,
          Key: { pk: 'fleet#cpu', sk: 'lease' },
          UpdateExpression: 'SET holder = :holder, #until = :until',
          ConditionExpression: 'attribute_not_exists(pk) OR #until < :now OR holder = :holder',
          ExpressionAttributeNames: { '#until': 'until' },
          ExpressionAttributeValues: { ':holder': holder, ':until': 100, ':now': 50 },
          ReturnValues: 'ALL_NEW',
        }),
      );
    const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map(take));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('queries by key, newest first, with a limit', async () => {
    const PutRequest = (n: number) => ({ PutRequest: { Item: { pk: 'fleet#q', sk: `plan#${n}` } } });
    await table.send(new BatchWriteCommand({ RequestItems: { [TableName]: [1, 2, 3].map(PutRequest) } }));
    await table.send(new DeleteCommand({ TableName, Key: { pk: 'fleet#q', sk: 'plan#2' } }));
    const { Items = [] } = await table.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :plan)',
        ExpressionAttributeValues: { ':pk': 'fleet#q', ':plan': 'plan#' },
        ScanIndexForward: false,
        Limit: 5,
      }),
    );
    expect(Items.map(({ sk }) => sk)).toEqual(['plan#3', 'plan#1']);
  });

  it('says that transactions are not there', async () => {
    const Put = { TableName, Item: { pk: { S: 'a' }, sk: { S: 'b' } } };
    await expect(
      client.send(new TransactWriteItemsCommand({ TransactItems: [{ Put }] })),
    ).rejects.toMatchObject({
      name: 'NotImplemented',
      message: expect.stringContaining('dynamodb:TransactWriteItems'),
    });
  });
});

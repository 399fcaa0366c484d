import { Tables } from '../../../local/front/tables.ts';
import type { AwsRequest } from '../../../local/front/types.ts';
import { ACCOUNT, REGION, until } from './harness.ts';

const TableName = 'paddock';

/** Dynalite wants a signature, and believes any. */
const call = (tables: Tables, operation: string, input: object) =>
  tables.handle({
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      'x-amz-date': '20260101T000000Z',
      authorization: `AWS4-HMAC-SHA256 Credential=k/20260101/${REGION}/dynamodb/aws4_request, SignedHeaders=host, Signature=s`,
    },
    rawBody: Buffer.from(JSON.stringify({ TableName, ...input })),
  } as unknown as AwsRequest);

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

it('tables can go while they are asked: what they were asked is answered, and this process lives on', async () => {
  // However far the requests have come by then.
  for (let count = 0; count < 30; count += 1) {
    const tables = await Tables.start({ accountId: ACCOUNT, region: REGION });
    await call(tables, 'CreateTable', {
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    });
    await until(async () =>
      String((await call(tables, 'DescribeTable', {})).body).includes('"TableStatus":"ACTIVE"'),
    );
    const asked = ['a', 'b', 'c', 'd'].map((pk) => call(tables, 'GetItem', { Key: { pk: { S: pk } } }));
    await turns(count);
    await tables.stop();

    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await expect(call(tables, 'GetItem', { Key: { pk: { S: 'a' } } })).rejects.toThrow(/being stopped/);
  }
});

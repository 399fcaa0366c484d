import { CborCodec } from '@smithy/core/cbor';
import { JsonCodec2 } from '@smithy/core/protocols';
import type { NormalizedSchema } from '@smithy/core/schema';

const EPOCH_SECONDS = 7;
const codec = (jsonName: boolean): JsonCodec2 =>
  new JsonCodec2({ timestampFormat: { useTrait: true, default: EPOCH_SECONDS }, jsonName });
const RPC = codec(false);
const REST = codec(true);
const CBOR = new CborCodec();

/** @param rest the REST protocol renames members where the API says so, the RPC protocols do not */
export async function readJson(schema: NormalizedSchema, body: Buffer, rest: boolean): Promise<unknown> {
  const text = body.toString();
  const parsed = JSON.parse(text) as unknown;
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Error('the body is not a JSON object');
  }
  return await (rest ? REST : RPC).createDeserializer().read(schema, text);
}

export function writeJson(schema: NormalizedSchema, value: unknown, rest: boolean): string {
  const serializer = (rest ? REST : RPC).createSerializer();
  serializer.write(schema, value);
  return new TextDecoder().decode(serializer.flush());
}

export async function readCbor(schema: NormalizedSchema, body: Buffer): Promise<unknown> {
  return await CBOR.createDeserializer().read(schema, body);
}

export function writeCbor(schema: NormalizedSchema, value: unknown): Buffer {
  const serializer = CBOR.createSerializer();
  serializer.write(schema, value);
  return Buffer.from(serializer.flush() as Uint8Array);
}

import { ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { parseJson } from '../../core/protocol/json.ts';
import {
  type ModelOrders,
  type ModelReport,
  modelOrdersKey,
  modelOrdersSchema,
  modelReportKey,
  modelReportSchema,
  noOrders,
} from '../../core/protocol/models.ts';
import { ConflictError, mapAwsError, RefusedError } from '../errors.ts';
import { objectOptions } from './client-options.ts';
import { S3ResultStore } from './results.ts';

export interface DeskPlaces {
  fleet: string;
  modelsBucket: string;
  resultsBucket: string;
}

const ATTEMPTS = 5;

/**
 * Where people's orders about a fleet's models lie, and what its workers say of theirs (docs/adr/0011). Throws UnavailableError and
 * RefusedError.
 */
export class S3ModelDesk {
  readonly #client: S3Client;
  readonly #places: DeskPlaces;
  readonly #orders: S3ResultStore;

  constructor(places: DeskPlaces, client = new S3Client(objectOptions())) {
    this.#places = places;
    this.#client = client;
    this.#orders = new S3ResultStore(places.modelsBucket, client);
  }

  /** Nobody has ordered anything: no orders. RefusedError: what lies there makes no sense. */
  async orders(): Promise<ModelOrders> {
    const text = await this.#orders.read(modelOrdersKey(this.#places.fleet));
    return text === undefined ? noOrders() : parse(text, this.#places);
  }

  /** Two who change them at once both get what they want. ConflictError: others were faster again and again. */
  async change(how: (orders: ModelOrders) => ModelOrders): Promise<ModelOrders> {
    const key = modelOrdersKey(this.#places.fleet);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const there = await this.#orders.open(key);
      const changed = how(there ? parse(there.body, this.#places) : noOrders());
      const body = JSON.stringify(changed);
      const done = there
        ? await this.#orders.replace(key, body, there.etag)
        : (await this.#orders.writeOnce(key, body)) === 'written';
      if (done) return changed;
    }
    throw new ConflictError(`${key} is changed by others all the time: try again`, 'Contended');
  }

  async report(report: ModelReport): Promise<void> {
    const { resultsBucket, fleet } = this.#places;
    const Key = modelReportKey(fleet, report.pod);
    try {
      await this.#client.send(
        new PutObjectCommand({
          ...{ Bucket: resultsBucket, Key, ContentType: 'application/json' },
          Body: JSON.stringify(report),
        }),
      );
    } catch (error) {
      throw mapAwsError(error, `write ${Key} to ${resultsBucket}`);
    }
  }

  /** The last report of each pod, also of those that have ended; what makes no sense is left out. */
  async reports(): Promise<ModelReport[]> {
    const keys = await this.#reportKeys();
    const store = new S3ResultStore(this.#places.resultsBucket, this.#client);
    const texts = await Promise.all(keys.map((key) => store.read(key)));
    return texts.flatMap((text) => {
      const parsed = modelReportSchema.safeParse(parseJson(text));
      return parsed.success ? [parsed.data] : [];
    });
  }

  async #reportKeys(): Promise<string[]> {
    const { resultsBucket: Bucket, fleet } = this.#places;
    const keys: string[] = [];
    let ContinuationToken: string | undefined;
    try {
      do {
        const page = await this.#client.send(
          new ListObjectsV2Command({
            Bucket,
            Prefix: modelReportKey(fleet, '').replace(/\.json$/, ''),
            ContinuationToken,
          }),
        );
        keys.push(...(page.Contents ?? []).flatMap(({ Key }) => (Key ? [Key] : [])));
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken);
    } catch (error) {
      throw mapAwsError(error, `list the reports in ${Bucket}`);
    }
    return keys;
  }
}

function parse(text: string, { fleet, modelsBucket }: DeskPlaces): ModelOrders {
  try {
    return modelOrdersSchema.parse(JSON.parse(text));
  } catch (error) {
    const where = `s3://${modelsBucket}/${modelOrdersKey(fleet)}`;
    throw new RefusedError(`${where} makes no sense: delete it, and order again`, 'NotUnderstood', error);
  }
}

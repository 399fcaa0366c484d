import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { KeptUpload, UploadNotes } from '../../adapters/aws/mirror-upload.ts';

const schema: z.ZodType<KeptUpload> = z.strictObject({
  uploadId: z.string().min(1),
  partBytes: z.int().positive(),
  parts: z.record(
    z.string(),
    z.strictObject({ md5: z.string(), etag: z.string(), crc32: z.string().optional() }),
  ),
});

/** Uploads that were begun, one file each in a folder. One that can't be read is one that was not begun. */
export function uploadNotes(dir: string, bucket: string): UploadNotes {
  const fileOf = (key: string) =>
    join(dir, `${createHash('sha256').update(`${bucket}/${key}`).digest('hex').slice(0, 32)}.json`);
  return {
    read(key) {
      try {
        return schema.parse(JSON.parse(readFileSync(fileOf(key), 'utf8')));
      } catch {
        return undefined;
      }
    },
    write(key, upload) {
      if (!upload) return rmSync(fileOf(key), { force: true });
      mkdirSync(dir, { recursive: true });
      writeFileSync(fileOf(key), JSON.stringify(upload));
    },
  };
}

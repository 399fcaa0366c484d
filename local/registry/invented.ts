import { createCipheriv, createHash } from 'node:crypto';
import { displayName, type ModelName } from '../../core/protocol/model-names.ts';

/** A model that nobody made: its files are numbers that follow from its name, so every request for it finds the same. */
export interface InventedModel {
  manifest: string;
  /** By digest. */
  blobs: Map<string, Buffer>;
}

const digestOf = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** @param bytes of its weights */
export function inventModel(name: ModelName, bytes: number): InventedModel {
  const weights = Buffer.concat([Buffer.from('GGUF'), noise(displayName(name).toLowerCase(), bytes)]);
  const config = Buffer.from(
    JSON.stringify({ model_format: 'gguf', model_family: 'invented', model_type: '8B', file_type: 'Q4_K_M' }),
  );
  // Shared by all: what models have in common lies on a disk once.
  const template = Buffer.from('{{ .Prompt }}');
  const blobs = new Map([weights, template, config].map((content) => [digestOf(content), content]));
  const layer = (mediaType: string, content: Buffer) => ({
    mediaType: `application/vnd.ollama.image.${mediaType}`,
    digest: digestOf(content),
    size: content.length,
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: { ...layer('config', config), mediaType: 'application/vnd.docker.container.image.v1+json' },
    layers: [layer('model', weights), layer('template', template)],
  });
  return { manifest, blobs };
}

/** The same for the same seed. */
function noise(seed: string, bytes: number): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

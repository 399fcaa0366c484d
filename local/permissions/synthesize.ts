import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildApp } from '../../infra/app.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';
import { loadTemplates, type ResolvedApp } from '../template/load.ts';

const NOWHERE = 'http://127.0.0.1:1';

export interface Templates {
  readonly config: PaddockConfig;
  readonly app: ResolvedApp;
}

/** The templates of a configuration, without code: what they grant does not depend on it. */
export function templatesOf(config: PaddockConfig): Templates {
  const outdir = mkdtempSync(join(tmpdir(), 'paddock-permissions-'));
  try {
    const assembly = buildApp(config, { bundle: false, outdir }).synth();
    const { region } = config;
    const places = { frontUrl: NOWHERE, clusterEndpoint: NOWHERE, clusterCa: 'Q0E=' };
    return { config, app: loadTemplates({ assembly, accountId: '111122223333', region, ...places }) };
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files that prove who is who in the local cluster. The serving certificate is made by the API server itself. */
export interface Credentials {
  /** Folder of `apiserver.crt` and `apiserver.key`; the former ends with the CA's certificate. */
  certDir: string;
  servingCertificate: string;
  /** Signs and verifies service account tokens. */
  serviceAccountKey: string;
  serviceAccountPublicKey: string;
  /** Static token file with one administrator. */
  tokenFile: string;
  adminToken: string;
}

const PRIVATE = { mode: 0o600 };
const DAY_MS = 86_400_000;

/** New keys and a new administrator token; a serving certificate of an earlier start is kept while it is valid. */
export function createCredentials(dir: string): Credentials {
  const certDir = join(dir, 'serving');
  mkdirSync(certDir, { recursive: true, mode: 0o700 });
  const credentials: Credentials = {
    certDir,
    servingCertificate: join(certDir, 'apiserver.crt'),
    serviceAccountKey: join(dir, 'service-account.key'),
    serviceAccountPublicKey: join(dir, 'service-account.pub'),
    tokenFile: join(dir, 'tokens.csv'),
    adminToken: randomBytes(32).toString('hex'),
  };
  if (!isStillValid(credentials.servingCertificate)) {
    rmSync(certDir, { recursive: true, force: true });
    mkdirSync(certDir, { mode: 0o700 });
  }
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  writeFileSync(credentials.serviceAccountKey, privateKey, PRIVATE);
  writeFileSync(credentials.serviceAccountPublicKey, publicKey);
  writeFileSync(
    credentials.tokenFile,
    `${credentials.adminToken},paddock-admin,1,"system:masters"\n`,
    PRIVATE,
  );
  return credentials;
}

function isStillValid(certificate: string): boolean {
  try {
    const { validToDate } = new X509Certificate(readFileSync(certificate));
    return validToDate.getTime() > Date.now() + DAY_MS;
  } catch {
    return false; // none yet, or one that was cut off while it was written
  }
}

interface KubeconfigUser {
  token?: string;
}

/** A kubeconfig with one cluster, user and context, as JSON (which every YAML reader takes). */
export function kubeconfig(server: string, user: KubeconfigUser, caData?: string): string {
  const name = 'paddock-local';
  const cluster = { server, ...(caData === undefined ? {} : { 'certificate-authority-data': caData }) };
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    },
    null,
    2,
  );
}

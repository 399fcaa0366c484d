/** Names of what the manifests make, beside those of core/protocol/names.ts. */

/** Service account of a fleet's pods; its AWS role comes with a pod identity association. */
export const serviceAccountName = (fleet: string): string => `paddock-worker-${fleet}`;

/** Headless service over a fleet's warm pods. */
export const serviceName = (fleet: string): string => fleet;

/** Storage class of the model volumes of persistent pools. */
export const STORAGE_CLASS = 'paddock-gp3';

/** Name of the volume claim template, and so the first part of each claim's name. */
export const MODELS_VOLUME = 'models';

export { canonicalModel } from '../../core/protocol/model-names.ts';

export { clientPorts } from './load-balancer.ts';
export { clusterSite, type RouterOptions, routerManifests } from './manifests.ts';
export { nginxConfig } from './nginx.ts';
export type { RouterFleet, RouterSettings, RouterSite } from './types.ts';

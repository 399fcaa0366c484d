/**
 * Whatever can carry a tag carries this one, with the cluster's name: also what is made from inside the cluster (nodes,
 * volumes). By it one finds what is there, what was left behind, and what it costs.
 */
export const CLUSTER_TAG = 'paddock.dev/cluster';

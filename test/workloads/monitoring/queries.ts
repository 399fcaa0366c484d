/** What of a Grafana dashboard's model the tests read. */
export interface GrafanaDashboard {
  panels: {
    id: number;
    type: string;
    title: string;
    gridPos: { x: number; y: number; w: number; h: number };
    datasource?: { uid: string };
    targets?: { expr: string; datasource?: { uid: string } }[];
  }[];
  templating: { list: { name: string }[] };
}

export const expressionsOf = ({ panels }: GrafanaDashboard): string[] =>
  panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** Names of the metrics in a PromQL expression: our own, the exporter's, and `up`. */
export const metricsIn = (expression: string): string[] =>
  [...expression.replaceAll(/"[^"]*"/g, '').matchAll(/\b((?:paddock|nginx)_\w+|up(?=\{))/g)].map(
    ([, name = '']) => name,
  );

/** What NGINX's exporter reads of Nginx's `stub_status`. */
export const ROUTER_METRICS = [
  'nginx_up',
  'nginx_http_requests_total',
  ...['accepted', 'active', 'handled', 'reading', 'waiting', 'writing'].map(
    (one) => `nginx_connections_${one}`,
  ),
];

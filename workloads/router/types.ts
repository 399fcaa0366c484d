/** What the router needs to know of a fleet. */
export interface RouterFleet {
  readonly name: string;
  /** One generation at most; Nginx waits that long between two pieces of an answer. */
  readonly requestTimeoutSeconds: number;
}

/** How clients are treated: the `router` section of the configuration. */
export interface RouterSettings {
  /** Per client and router replica, on the API paths of the clients' port. */
  readonly requestsPerSecond: number;
  /** Requests that a client may be ahead of that rate. */
  readonly burst: number;
  /** Requests of one client under way at a time, per router replica. */
  readonly connectionsPerClient: number;
  readonly bodyLimitMiB: number;
  /** A client's headers must be there within this time. */
  readonly headerTimeoutSeconds: number;
  /** Between two pieces of a client's body, or of an answer that the client does not take. */
  readonly bodyTimeoutSeconds: number;
  /** Networks of the clients that are let in; checked where the load balancer names the client. */
  readonly allowedCidrs: readonly string[];
  /** With one, clients speak TLS with the load balancer. */
  readonly certificateArn?: string | undefined;
  /** Base URL of the queued path, named in refusals; may be a CloudFormation reference. */
  readonly queueUrl?: string | undefined;
}

/** Where a router runs: what differs between the cluster, the local system and a test. */
export interface RouterSite {
  /** Address of each port as `listen` takes it: `8080` or `127.20.0.5:8080`. */
  readonly listen: {
    readonly public: string;
    readonly backend: string;
    readonly webui: string;
    readonly internal: string;
  };
  /** Networks whose PROXY protocol headers name the client; undefined: clients connect directly. */
  readonly proxyProtocolFrom?: readonly string[] | undefined;
  /**
   * `resolve`: Nginx follows the headless Services itself (1.29.7 or newer). Else the addresses of each fleet's ready pods,
   * `host:port`; Nginx is reloaded when they change.
   */
  readonly pods:
    | { readonly resolve: { readonly resolver: string } }
    | {
        readonly addresses: Readonly<Record<string, readonly string[]>>;
        /** This Nginx is 1.29.7 or newer: it keeps connections unless it is told not to. */
        readonly keepsByDefault: boolean;
      };
  /** `host:port` of Open WebUI; a name is looked up with `pods.resolve.resolver` at each request. */
  readonly webui: string;
  /** Whom Nginx's processes run as when it is started by root; undefined: it is not. */
  readonly user?: string | undefined;
  /** A writable folder for the process id and for bodies that do not fit in memory. */
  readonly runDir: string;
  readonly accessLog: string;
  readonly errorLog: string;
  readonly workerProcesses: number;
  /** After a stop or a reload, requests under way may take this long. */
  readonly shutdownSeconds: number;
}

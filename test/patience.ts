/** How long tests wait for something that happens by itself, seconds. Reached only when it never does: other work may have most of the machine. */
export const PATIENCE_SECONDS = 120;

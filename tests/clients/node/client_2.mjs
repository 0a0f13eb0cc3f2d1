// One session of the TypeScript SDK 2.x: node client_2.mjs URL TOKEN CALLS MODE; `legacy` is its default, `auto` probes.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { show } from "./session.mjs";

const [url, token, calls, mode] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const client = new Client({ name: "typescript-2", version: "1.0.0" }, { versionNegotiation: { mode } });

await show(client, new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }), calls);

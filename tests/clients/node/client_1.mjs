// One session of the TypeScript SDK 1.x: node client_1.mjs URL TOKEN CALLS.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { show } from "./session.mjs";

const [url, token, calls] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const client = new Client({ name: "typescript-1", version: "1.0.0" });

await show(client, new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }), calls);

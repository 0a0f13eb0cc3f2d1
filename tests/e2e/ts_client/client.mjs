// One session of the TypeScript SDK with the gateway: node client.mjs URL TOKEN TOOL ARGUMENTS. Prints what it saw as JSON.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, token, tool, args] = process.argv.slice(2);
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { Authorization: `Bearer ${token}` } },
});
const client = new Client({ name: "ts-client", version: "1.0.0" });

await client.connect(transport);
const { tools } = await client.listTools();
const answer = await client.callTool({ name: tool, arguments: JSON.parse(args) });
const unknown = await client.callTool({ name: "helpdesk_nothing_of_the_kind" }).catch((error) => error.code);
await transport.terminateSession();
await client.close();

console.log(
  JSON.stringify({
    server: client.getServerVersion(),
    version: transport.protocolVersion,
    tools: tools.map(({ name }) => name),
    answer,
    unknown,
  }),
);

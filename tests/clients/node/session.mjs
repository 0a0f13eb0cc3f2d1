// What a connected client of either SDK sees: its tools, and what comes of each call. Printed as JSON.

const said = async (client, [name, args]) => {
  try {
    const result = await client.callTool({ name, arguments: args });
    return result.isError ? { failed: "a result" } : { value: result.structuredContent };
  } catch (error) {
    return { failed: error.message };
  }
};

export async function show(client, transport, calls) {
  await client.connect(transport);
  const { tools } = await client.listTools();
  const answers = [];
  for (const call of JSON.parse(calls)) answers.push(await said(client, call));
  await transport.terminateSession();
  await client.close();
  console.log(JSON.stringify({ tools: tools.map(({ name }) => name), answers }));
}

// Vercel's AI SDK with its provider for compatible servers.
import { generateText, streamText, tool, jsonSchema, stepCountIs } from "ai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
const { GATEWAY_URL: url, GATEWAY_KEY: key, GATEWAY_MODEL: model } = process.env;
const provider = (apiKey) => createOpenAICompatible({ name: "gateway", baseURL: `${url}/v1`, apiKey, includeUsage: true });
const prompt = "What is the weather in Paris?";
const asked = { model: provider(key)(model), prompt, maxRetries: 0 };
const inputSchema = jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false });
const calls = [];
const tools = { weather: tool({ description: "of a city", inputSchema, execute: async (input) => { calls.push(["weather", input]); return `WEATHER OF ${input.city}`; } }) };
const name = (promise) => promise.then(() => "nothing raised", (error) => error.name);

const whole = await generateText(asked);
const stream = streamText(asked);
let streamed = "";
for await (const text of stream.textStream) streamed += text;
const usage = await stream.usage;
const withTool = await generateText({ ...asked, tools, stopWhen: stepCountIs(3) });
const late = streamText({ ...asked, tools, stopWhen: stepCountIs(3) });
let withToolStreamed = "";
for await (const text of late.textStream) withToolStreamed += text;
console.log(JSON.stringify({
  text: whole.text,
  streamed,
  usage: [whole.usage, usage].map((each) => [each.inputTokens, each.outputTokens]),
  with_tool: withTool.text,
  with_tool_streamed: withToolStreamed,
  calls,
  unknown_model: await name(generateText({ ...asked, model: provider(key)("no-such-model") })),
  wrong_key: await name(generateText({ ...asked, model: provider("wrong")(model) })),
}));

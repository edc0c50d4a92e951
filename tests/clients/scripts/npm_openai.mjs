// The official OpenAI client for JavaScript: chat completions and responses.
import OpenAI from "openai";
const { GATEWAY_URL: url, GATEWAY_KEY: key, GATEWAY_MODEL: model } = process.env;
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const question = "What is the weather in Paris?";
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const asked = { model, messages: [{ role: "user", content: question }] };
const tools = [{ type: "function", function: { name: "weather", description: "of a city", parameters } }];
const name = (promise) => promise.then(() => "nothing raised", (error) => error.constructor.name);

const whole = await client.chat.completions.create(asked);
let streamed = "", usage;
for await (const chunk of await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
const called = (await client.chat.completions.create({ ...asked, tools })).choices[0].message.tool_calls[0].function;
const final = await client.chat.completions.stream({ ...asked, tools }).finalChatCompletion();
const late = final.choices[0].message.tool_calls[0].function;
const response = await client.responses.create({ model, input: question, store: false });
let said = "";
for await (const event of await client.responses.create({ model, input: question, store: false, stream: true }))
  if (event.type === "response.output_text.delta") said += event.delta;
console.log(JSON.stringify({
  text: whole.choices[0].message.content,
  streamed,
  tool: [called.name, JSON.parse(called.arguments)],
  streamed_tool: [late.name, JSON.parse(late.arguments)],
  usage: [whole.usage, usage].map((each) => [each.prompt_tokens, each.completion_tokens]),
  responses_text: response.output_text,
  responses_streamed: said,
  unknown_model: await name(client.chat.completions.create({ ...asked, model: "no-such-model" })),
  wrong_key: await name(new OpenAI({ baseURL: `${url}/v1`, apiKey: "wrong", maxRetries: 0 }).chat.completions.create(asked)),
}));

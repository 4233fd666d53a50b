// The npm packages openai and @elevenlabs/elevenlabs-js. Usage: URL FOLDER TEXT, from a folder that has them.

import { strict as assert } from "node:assert";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const packages = createRequire(join(process.cwd(), "package.json"));
const { OpenAI } = packages("openai");
const { ElevenLabsClient } = packages("@elevenlabs/elevenlabs-js");
const [url, folder, text] = process.argv.slice(2);

async function joined(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
const clip = await openai.audio.speech.create({ model: "tts-1", voice: "alloy", input: text });
await writeFile(join(folder, "openai.mp3"), Buffer.from(await clip.arrayBuffer()));
const raw = await openai.audio.speech.create({ model: "tts-1", voice: "alloy", input: text, response_format: "pcm" });
await writeFile(join(folder, "openai.s16"), await joined(raw.body));
await assert.rejects(
  openai.audio.speech.create({ model: "tts-1", voice: "nobody", input: text }),
  (error) => error.status === 404 && error.code === "voice_not_found",
);

const eleven = new ElevenLabsClient({ baseUrl: url, apiKey: "unused" });
const whole = await eleven.textToSpeech.convert("alloy", { text, outputFormat: "mp3_44100_128" });
await writeFile(join(folder, "elevenlabs.mp3"), await joined(whole));
const streamed = await eleven.textToSpeech.stream("alloy", { text, outputFormat: "pcm_24000" });
await writeFile(join(folder, "elevenlabs.s16"), await joined(streamed));
assert.ok((await eleven.voices.getAll()).voices.length > 0);
const page = await eleven.voices.search({ pageSize: 1 });
assert.equal(page.voices.length, 1);
assert.ok(page.totalCount >= 1);

const timed = await eleven.textToSpeech.convertWithTimestamps("alloy", { text, outputFormat: "pcm_24000" });
assert.equal(timed.alignment.characters.join("").trim(), text);
await writeFile(join(folder, "timed.s16"), Buffer.from(timed.audioBase64, "base64"));
const lines = [];
for await (const line of await eleven.textToSpeech.streamWithTimestamps("alloy", { text, outputFormat: "pcm_24000" }))
  lines.push(line);
const letters = lines.flatMap((line) => line.alignment?.characters ?? []);
assert.equal(letters.join("").trim(), text);
await writeFile(join(folder, "lines.s16"), Buffer.concat(lines.map((line) => Buffer.from(line.audioBase64, "base64"))));

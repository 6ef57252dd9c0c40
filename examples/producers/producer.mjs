// One question to a swarm, from Node and without any package of ours: node producer.mjs CLIENT SWARM MESSAGE
// Prints the reply as JSON. Needs `npm install` once; REDIS_URL and SWARMLINE_NAMESPACE say where.
import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import Redis from "ioredis";

const [clientId, swarmName, message] = process.argv.slice(2);
if (message === undefined) {
  console.error("usage: node producer.mjs CLIENT SWARM MESSAGE");
  process.exit(2);
}
const url = process.env.REDIS_URL ?? "redis://localhost:6379";
const namespace = process.env.SWARMLINE_NAMESPACE ?? "swarmline";
const LOOK_EVERY_MS = 2_000;
const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 60_000);

let trouble = "";
function tooLate() {
  console.error(`no reply within ${PATIENCE_MS / 1000} s; it may still come. ${trouble}`);
  process.exit(1);
}
setTimeout(tooLate, PATIENCE_MS).unref();

function connect() {
  const connection = new Redis(url, { maxRetriesPerRequest: null }); // commands wait for the connection to come back
  return connection.on("error", (error) => { trouble = `Redis: ${error.message}`; });
}
const redis = connect();
const listener = connect(); // a connection that is subscribed can't send commands

// Which shard serves this client? Before the first worker has started there is nothing written: that means one shard.
const shards = Number((await redis.hget(`${namespace}:meta`, "shards")) ?? 1);
const shard = `${namespace}:{${crc32(clientId) % shards}}:`;
const requestId = randomUUID();
const replyTo = `${shard}reply:${requestId}`;

// Listen first, then send: who subscribes after the answer does not hear it.
const heard = new Promise((resolve) => listener.on("message", (_channel, text) => resolve(text)));
await listener.subscribe(replyTo);
const fields = { v: "1", requestId, clientId, swarmName, kind: "execute", body: JSON.stringify({ message }), replyTo };
await redis.xadd(`${shard}requests`, "*", ...Object.entries(fields).flat());

// What is published while a connection breaks is lost, the result key is not: look at it now and then.
async function kept() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    const text = await redis.get(`${shard}result:${requestId}`);
    if (text !== null && JSON.parse(text).status !== "accepted") return text;
  }
}

const reply = JSON.parse(await Promise.race([heard, kept()]));
console.log(JSON.stringify(reply));
process.exit(reply.status === "completed" ? 0 : 1);

// Starts only the Auth emulator of firebase-tools: on one port, without network access, log-in or firebase.json.
//
//   node auth-emulator.js PORT PROJECT_ID STATE_FILE
//
// The emulator keeps its users in memory. This script reads them from STATE_FILE at the start and writes them after each
// request that may have changed them, so that they survive a restart, also after a kill.
"use strict";

const fs = require("node:fs/promises");
const http = require("node:http");
const exegesis = require("exegesis-express");
const { SingleProjectMode } = require("firebase-tools/lib/emulator/auth");
const { createApp } = require("firebase-tools/lib/emulator/auth/server");

// By default the emulator compiles the validators of all its operations at the start, which takes 9 s of a core. With this
// option its library compiles each at its first use.
const { middleware } = exegesis;
exegesis.middleware = (document, options) => middleware(document, { ...options, lazyCompileValidationSchemas: true });

const HOST = "127.0.0.1";
const OWNER = { authorization: "Bearer owner", "content-type": "application/json" };
const [port, projectId, stateFile] = process.argv.slice(2);
const accounts = `http://${HOST}:${port}/identitytoolkit.googleapis.com/v1/projects/${projectId}/accounts`;

async function restoreUsers() {
  let state;
  try {
    state = await fs.readFile(stateFile, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  const { users = [] } = JSON.parse(state);
  if (users.length === 0) return; // batchCreate rejects an empty list
  const reply = await fetch(`${accounts}:batchCreate`, { method: "POST", headers: OWNER, body: JSON.stringify({ users }) });
  if (!reply.ok) throw new Error(`${stateFile} can't be restored: ${await reply.text()}`);
  const { error: refused = [] } = await reply.json();
  if (refused.length > 0) throw new Error(`${stateFile} can't be restored: ${JSON.stringify(refused)}`);
}

async function storeUsers() {
  const reply = await fetch(`${accounts}:batchGet?maxResults=-1`, { headers: OWNER });
  if (!reply.ok) throw new Error(`${stateFile} can't be written: ${await reply.text()}`);
  const draft = `${stateFile}.draft`;
  await fs.writeFile(draft, await reply.text());
  await fs.rename(draft, stateFile);
}

// One write at a time. Changes during a write cause another one after it.
let storing = null;
let changed = false;
function noteChange() {
  changed = true;
  storing ??= (async () => {
    while (changed) {
      changed = false;
      await storeUsers();
    }
  })()
    .catch((error) => console.error(error.message))
    .finally(() => (storing = null));
}

async function main() {
  const app = await createApp(projectId, SingleProjectMode.NO_WARNING);
  const server = http.createServer((request, response) => {
    if (request.method !== "GET") response.on("finish", noteChange);
    app(request, response);
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(Number(port), HOST, resolve));
  await restoreUsers();
  console.log(`listening on ${HOST}:${port}`);
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.once(signal, async () => {
      await storing;
      process.exit(0);
    });
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});

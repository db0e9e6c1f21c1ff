// Calls many times without a token, over HTTP/1.1 connections that are kept; prints the answers, and what else happened
// to the connections.

import * as http from "node:http";
import * as https from "node:https";

import { ConnectError } from "@connectrpc/connect";

import { clients, codeName, told } from "./connect.mjs";

const { Agent } = told.url.startsWith("https:") ? https : http;
const agent = new Agent({ keepAlive: true, maxSockets: told.inFlight });
const connect = agent.createConnection.bind(agent);
const counts = { connections: 0, answers: {}, troubles: {} };
const count = (what, name) => (what[name] = (what[name] ?? 0) + 1);
let isOver = false;

agent.createConnection = (...args) => {
  const socket = connect(...args);
  counts.connections += 1;
  socket.on("error", ({ code, message }) => count(counts.troubles, code ?? message));
  socket.on("close", () => isOver || count(counts.troubles, "closed"));
  return socket;
};

const { vault } = clients(undefined, { nodeOptions: { agent } });
const request = { value: "x".repeat(told.bytes) };
let left = told.calls;

async function caller() {
  while (left-- > 0) {
    try {
      await vault.createObject(request);
      count(counts.answers, "ok");
    } catch (error) {
      const { code, cause, message } = ConnectError.from(error);
      count(counts.answers, cause === undefined ? codeName(code) : message);
    }
  }
}

await Promise.all(Array.from({ length: told.inFlight }, caller));
isOver = true;
console.log(JSON.stringify(counts));
process.exit(0);

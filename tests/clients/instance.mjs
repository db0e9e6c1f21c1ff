// An instance through its life, in one of Connect's protocols; prints what it has seen.

import assert from "node:assert/strict";

import { fromJson } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";

import { STATUS, clientsOf, codeName, computeServices, told } from "./connect.mjs";

const { compute, command, observability } = clientsOf(computeServices, told.token);
const message = (service, method, json) => fromJson(computeServices[service].method[method].input, json);

const created = await compute.createInstance(message("compute", "createInstance", told.request));
const instanceId = created.metadata.instanceId;
const statuses = [];
for await (const { metadata } of compute.waitInstance({ instanceId })) statuses.push(STATUS[metadata.status]);

const run = (words, more = {}) =>
  command.runCommandSync(
    message("command", "runCommandSync", { instance_id: instanceId, command: { command: words, ...more } }),
  );
const ran = await run(told.command, { env_vars: told.commandEnv });
const text = (bytes) => new TextDecoder().decode(bytes);

// It prints the last line once it is told to: the stream is open by then, and ends with the instance.
const lines = [];
for await (const block of observability.streamInstanceLogs({ instanceId, follow: true })) {
  for (const { content, stream, timestamp } of block.lines) {
    assert.ok(timestamp.seconds > 0n);
    lines.push([block.labels.container, stream, content]);
    if (content === "first") await run(told.release);
    if (content === "second") await compute.destroyInstance({ instanceId, reason: "done" });
  }
}
const { metadata } = await compute.describeInstance({ instanceId });
const after = await run(["true"]).then(
  () => assert.fail("a command in an instance that is over"),
  (error) => codeName(ConnectError.from(error).code),
);
const { exitCode, stdout, stderr } = ran;
const last = STATUS[metadata.status];
console.log(JSON.stringify({ statuses, exitCode, stdout: text(stdout), stderr: text(stderr), lines, last, after }));
// Connections are kept for a next call, which there is none of.
process.exit(0);

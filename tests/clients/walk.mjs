// Uses every method of VaultService and TokenService, in one of Connect's protocols; prints what it has seen.

import assert from "node:assert/strict";

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";

import { EQUAL, EXIST, NOT_EQUAL, clients, codeName, seen, services, told } from "./connect.mjs";

const UNKNOWN = "sec_abcdefghijklmnopqrst";
const MOST = 64 << 10;

/** The message of a call that must fail with this code. */
async function refused(code, call) {
  const error = await call.then(
    (answer) => assert.fail(`not refused with ${code}: ${JSON.stringify(answer.$typeName)}`),
    (error) => ConnectError.from(error),
  );
  assert.equal(codeName(error.code), code, error.message);
  seen.codes.add(code);
  return error.rawMessage;
}

const everything = clients(told.everything);
const { vault, tokens } = everything;
const ids = ({ objects }) => objects.map(({ objectId }) => objectId);

async function secrets() {
  const labels = [
    { name: "env", value: "prod" },
    { name: "app", value: "wéb" },
  ];
  const description = "größer\n第二行";
  const made = await vault.createObject({ description, value: "älpha\n", revealable: true, labels });
  assert.match(made.objectId, /^sec_[0-9a-v]{25}$/);
  assert.deepEqual([made.version, made.description, made.deletedAt], ["1", description, undefined]);
  assert.deepEqual(made.labels.map(({ name, value }) => ({ name, value })), labels);
  assert.ok(made.createdAt.seconds > 0n);
  const objectId = made.objectId;

  const update = { objectId, newValue: "bêta", ifVersionMatches: "1" };
  const updated = await vault.updateObject(update);
  assert.deepEqual([updated.version, updated.labels], ["2", made.labels]);
  assert.match(await refused("failed_precondition", vault.updateObject(update)), /at version 2, not 1/);

  const described = await vault.describeObject({ objectId });
  assert.equal(described.value, "bêta");
  assert.deepEqual([described.metadata, described.previous], [updated, [made]]);
  const hidden = await vault.createObject({ value: "hidden", labels: [{ name: "env", value: "dev" }] });
  assert.equal((await vault.describeObject({ objectId: hidden.objectId })).value, "");

  const [prod, dev] = [objectId, hidden.objectId];
  for (const [labelFilter, expected] of [
    [[{ name: "env", value: "prod", op: EQUAL }], [prod]],
    [[{ name: "env", value: "prod", op: NOT_EQUAL }, { name: "env", op: EXIST }], [dev]],
    [[{ name: "env", op: EXIST }], [prod, dev]],
    [[{ name: "app", value: "wéb", op: EQUAL }, { name: "env", value: "dev", op: EQUAL }], []],
  ]) {
    assert.deepEqual(ids(await vault.listObjects({ labelFilter })), expected);
  }
  assert.deepEqual(ids(await vault.listObjects({})), [told.theirs.id, prod, dev]);
  await refused("invalid_argument", vault.listObjects({ labelFilter: [{ name: "env" }] }));

  await withFewGrants(prod, dev);

  await refused("failed_precondition", vault.deleteObject({ objectId, ifVersionMatches: "1" }));
  await vault.deleteObject({ objectId, ifVersionMatches: "2" });
  const deleted = await vault.describeObject({ objectId });
  assert.ok(deleted.metadata.deletedAt.seconds >= made.createdAt.seconds);
  assert.deepEqual([deleted.metadata.version, deleted.value], ["2", ""]);
  assert.match(await refused("failed_precondition", vault.deleteObject({ objectId })), /deleted/);
  await refused("failed_precondition", vault.updateObject({ objectId, newValue: "gamma" }));
  await vault.deleteObject({ objectId: dev });
  assert.deepEqual(ids(await vault.listObjects({})), [told.theirs.id]);

  for (const call of [vault.describeObject, vault.deleteObject]) {
    assert.match(await refused("not_found", call({ objectId: UNKNOWN })), new RegExp(UNKNOWN));
    await refused("invalid_argument", call({ objectId: "no id" }));
  }
  await refused("not_found", vault.updateObject({ objectId: UNKNOWN, newValue: "x" }));
}

/** The token may describe and list what has the label env=prod. */
async function withFewGrants(mine, other) {
  const { vault, tokens } = clients(told.few);
  assert.deepEqual(ids(await vault.listObjects({})), [mine]);
  assert.equal((await vault.describeObject({ objectId: mine })).value, "");
  await refused("permission_denied", vault.createObject({ value: "x" }));
  // What it may not do reads like what isn't there, whether it knows of it or not.
  const unknown = await refused("not_found", vault.describeObject({ objectId: UNKNOWN }));
  for (const [objectId, call] of [
    [mine, vault.updateObject],
    [mine, vault.deleteObject],
    [other, vault.describeObject],
  ]) {
    assert.equal((await refused("not_found", call({ objectId, newValue: "x" }))).replace(objectId, UNKNOWN), unknown);
  }
  const grants = [{ resourceType: "vault/object", resourceId: "label:env=prod", actions: ["describe"] }];
  await refused("permission_denied", tokens.createRevokableToken({ name: "more", access: { grants } }));
}

/** Any text comes back as it was, alone and beside others, compressed or not. */
async function values() {
  assert.equal((await vault.describeObject({ objectId: told.theirs.id })).value, told.theirs.value);
  const odd = ["ü", "\n", "a\r\n\r\nb\n", "=", '\t"\\/\u0001\u007f\u2028\ufeff🙂'];
  const texts = [...odd, "x".repeat(MOST), "é".repeat(MOST / 2)];
  const zipped = clients(told.everything, { sendCompression: compressionGzip, compressMinBytes: 1 }).vault;
  for (const value of texts) {
    for (const client of [vault, zipped]) {
      const { objectId } = await client.createObject({ value, revealable: true });
      assert.equal((await client.describeObject({ objectId })).value, value);
    }
  }
  const many = Array.from({ length: 40 }, (_, n) => `${n} `.repeat(n * 100 + 1));
  const made = await Promise.all(many.map((value) => vault.createObject({ value, revealable: true })));
  const read = await Promise.all(made.map(({ objectId }) => vault.describeObject({ objectId })));
  assert.deepEqual(read.map(({ value }) => value), many);

  for (const value of ["", "a\u0000b", "x".repeat(MOST + 1)]) {
    await refused("invalid_argument", vault.createObject({ value }));
  }
  for (const client of [vault, zipped]) {
    await refused("resource_exhausted", client.createObject({ value: "x".repeat(3 << 19) }));
    // The connection is still good.
    await client.listObjects({});
  }
  return (await vault.createObject({ value: told.ours, revealable: true })).objectId;
}

async function nobody() {
  for (const token of [undefined, "", "nonsense", `amp_${"A".repeat(43)}`]) {
    const strangers = clients(token);
    for (const [name, service] of Object.entries(services)) {
      for (const { localName } of service.methods) {
        assert.match(await refused("unauthenticated", strangers[name][localName]({})), /bearer token/);
      }
    }
  }
}

async function manyTokens() {
  const grants = [{ resourceType: "vault/object", resourceId: "*", actions: ["list"] }];
  const access = { grants };
  const expiresAt = timestampFromMs(Math.floor(Date.now() / 1000 + 86_400) * 1000);
  const request = { name: "größer", description: "zwei\nZeilen", expiresAt, access };
  const { bearerToken, token } = await tokens.createRevokableToken(request);
  assert.match(bearerToken, /^amp_/);
  assert.deepEqual([token.name, token.description, token.expiresAt], [request.name, request.description, expiresAt]);
  assert.match(token.tokenId, /^tok_/);
  assert.match(token.tenantId, /^tenant_/);
  assert.deepEqual([token.revokedAt, token.revokedByActorId], [undefined, ""]);

  assert.match(await refused("already_exists", tokens.createRevokableToken({ name: "größer", access })), /"größer"/);
  for (const wrong of [{ name: "" }, { access: {} }, { policies: [{ policyType: "a", value: "b" }] }]) {
    await refused("invalid_argument", tokens.createRevokableToken({ name: "wrong", access, ...wrong }));
  }
  const holder = clients(bearerToken);
  assert.ok(ids(await holder.vault.listObjects({})).length === 0, "describes nothing, so lists nothing");
  await refused("permission_denied", holder.vault.createObject({ value: "x" }));

  const all = (await tokens.listRevokableTokens({})).tokens;
  assert.deepEqual(all.map(({ name }) => name), ["everything", "few", "größer"]);
  assert.deepEqual(all[2], token);
  const pages = [];
  let paginationCursor = new Uint8Array();
  do {
    const page = await tokens.listRevokableTokens({ paginationCursor, maxEntries: 1n });
    pages.push(...page.tokens);
    paginationCursor = page.paginationCursor;
  } while (paginationCursor.length > 0);
  assert.deepEqual(pages, all);
  await refused("invalid_argument", tokens.listRevokableTokens({ maxEntries: -1n }));
  await refused("invalid_argument", tokens.listRevokableTokens({ paginationCursor: new Uint8Array([1]) }));

  await tokens.revokeRevokableToken({ tokenId: token.tokenId });
  await refused("unauthenticated", holder.vault.listObjects({}));
  assert.equal((await tokens.listRevokableTokens({})).tokens.length, 2);
  const revoked = (await tokens.listRevokableTokens({ includeRevoked: true })).tokens[2];
  assert.deepEqual([revoked.tokenId, revoked.revokedByActorId], [token.tokenId, all[0].tokenId]);
  assert.ok(revoked.revokedAt.seconds >= token.createdAt.seconds);
  await refused("not_found", tokens.revokeRevokableToken({ tokenId: "tok_abcdefghijklmnopqrst" }));
  await refused("invalid_argument", tokens.revokeRevokableToken({ tokenId: "" }));

  const made = [];
  for (const name of ["one", "two"]) made.push(await tokens.createRevokableToken({ name, access }));
  const createdByActorId = all[0].tokenId;
  await refused("invalid_argument", tokens.batchRevokeRevokableToken({}));
  const before = timestampFromMs(0);
  assert.deepEqual((await tokens.batchRevokeRevokableToken({ createdByActorId, before })).revokedTokenIds, []);
  const { revokedTokenIds } = await tokens.batchRevokeRevokableToken({ createdByActorId });
  assert.deepEqual(revokedTokenIds, made.map(({ token }) => token.tokenId));
  await refused("unauthenticated", clients(made[1].bearerToken).vault.listObjects({}));
}

await secrets();
const id = await values();
await nobody();
await manyTokens();
const sorted = (set) => [...set].sort();
console.log(JSON.stringify({ methods: sorted(seen.methods), codes: sorted(seen.codes), id }));
// Connections are kept for a next call, which there is none of.
process.exit(0);

// Connect's own client for Node, with descriptors of our .proto files in place of generated code.

import { readFileSync } from "node:fs";

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";

/** What the test says, as JSON on standard input. */
export const told = JSON.parse(readFileSync(0, "utf8"));

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(told.descriptors)));

export const services = {
  vault: registry.getService("namespace.cloud.vault.v1beta.VaultService"),
  tokens: registry.getService("namespace.cloud.iam.v1beta.TokenService"),
};

/** Those of package compute, some of whose methods stream. */
export const computeServices = Object.fromEntries(
  ["Compute", "Command", "Observability"].map((name) => [
    name.toLowerCase(),
    registry.getService(`namespace.cloud.compute.v1beta.${name}Service`),
  ]),
);

/** How far an instance is, by number. */
export const STATUS = Object.fromEntries(
  registry
    .getEnum("namespace.cloud.compute.v1beta.InstanceMetadata.Status")
    .values.map(({ name, number }) => [number, name]),
);

/** Comparisons of labels. */
export const { EQUAL, NOT_EQUAL, EXIST } = Object.fromEntries(
  registry.getEnum("namespace.stdlib.LabelFilterEntry.LabelFilterOp").values.map(({ name, number }) => [name, number]),
);

const TRANSPORTS = {
  "connect-json": (options) => createConnectTransport({ ...options, httpVersion: "1.1", useBinaryFormat: false }),
  "connect-binary": (options) => createConnectTransport({ ...options, httpVersion: "1.1", useBinaryFormat: true }),
  "connect-http2": (options) => createConnectTransport({ ...options, httpVersion: "2", useBinaryFormat: true }),
  grpc: (options) => createGrpcTransport(options),
  "grpc-web": (options) => createGrpcWebTransport({ ...options, httpVersion: "1.1" }),
};

/** The methods that have answered, and the codes of those that have refused. */
export const seen = { methods: new Set(), codes: new Set() };

/** Clients of both services that show this token, or none. */
export function clients(token, options = {}) {
  return clientsOf(services, token, options);
}

/** Clients of these services. */
export function clientsOf(services, token, options = {}) {
  const call = (next) => async (request) => {
    if (token !== undefined) request.header.set("Authorization", `Bearer ${token}`);
    const response = await next(request);
    seen.methods.add(`/${request.service.typeName}/${request.method.name}`);
    return response;
  };
  const transport = TRANSPORTS[told.transport]({ baseUrl: told.url, interceptors: [call], ...options });
  return Object.fromEntries(
    Object.entries(services).map(([name, service]) => [name, createClient(service, transport)]),
  );
}

/** A code as it is on the wire. */
export function codeName(code) {
  return Code[code].replace(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

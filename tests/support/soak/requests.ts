/**
 * The requests of the actors of a soak.
 *
 * @module
 */
import type { Kind } from "../../../address.ts";
import {
  type BindParams,
  ErrorCode,
  type RequestId,
  type WireOptions,
} from "../../../protocol.ts";
import type { Random } from "../bad_clients/malformed_requests.ts";
import { fileOf, type Place } from "./places.ts";

/** A bind of a place. */
export interface BindRequest {
  readonly method: "bind";
  readonly place: Place;
  readonly spelling: BindParams;
  readonly options: WireOptions;
}

/** A release of a place. */
export interface ReleaseRequest {
  readonly method: "release";
  readonly place: Place;
  readonly spelling: BindParams;
}

/** A list or status request. */
export interface LookRequest {
  readonly method: "list" | "status";
}

/** An invalid request. */
export interface WrongRequest {
  readonly method: "wrong";
  /** Without `id`. */
  readonly text: { readonly method?: unknown; readonly [key: string]: unknown };
  readonly code: number;
}

/** One request. */
export type Request =
  | BindRequest
  | ReleaseRequest
  | LookRequest
  | WrongRequest;

/** A message: one request or a batch. */
export interface Message {
  readonly requests: readonly Request[];
  readonly isBatch: boolean;
}

/** A message of one request. */
export function alone(request: Request): Message {
  return { requests: [request], isBatch: false };
}

function textOf(request: Request): Record<string, unknown> {
  switch (request.method) {
    case "wrong":
      return request.text;
    case "bind":
      return params("bind", { ...request.spelling, ...request.options });
    case "release":
      return params("release", request.spelling);
    default:
      return { method: request.method };
  }
}

function params(method: string, first: BindParams): Record<string, unknown> {
  return { method, params: [first] };
}

/** A message as it is sent. */
export function encodedMessage(
  { requests, isBatch }: Message,
  ids: readonly RequestId[],
): string {
  const all = requests.map((request, at) => ({
    jsonrpc: "2.0",
    id: ids[at],
    ...textOf(request),
  }));
  return JSON.stringify(isBatch ? all : all[0]);
}

const QUEUED: readonly Kind[] = ["tcp", "unix", "seqpacket"];

function optionsFor(random: Random, place: Place): WireOptions[] {
  const { kind, exclusive } = place;
  return [
    {},
    { recv_buffer: 4096 + random.below(100_000) },
    { send_buffer: 4096 + random.below(100_000) },
    ...QUEUED.includes(kind) ? [{ backlog: random.below(5000) }] : [],
    ...kind === "tcp"
      ? [
        { defer_accept: random.below(5) },
        { fast_open: random.below(20) },
      ]
      : [],
    ...kind === "tcp" || kind === "udp"
      // With reuse_port other programs could bind the same port.
      ? [{ free_bind: true }, ...exclusive ? [] : [{ reuse_port: true }]]
      : [],
    ...fileOf(place) === undefined ? [] : [
      { mode: random.of(["0600", "0660", "0666"]) },
      { owner: Deno.uid() ?? 0, group: Deno.gid() ?? 0 },
    ],
  ];
}

/** A bind of a place in any spelling and with any options. */
export function bindOf(random: Random, place: Place): BindRequest {
  const choices = optionsFor(random, place);
  const options = { ...random.of(choices), ...random.of(choices) };
  return {
    method: "bind",
    place,
    spelling: random.of(place.spellings),
    options,
  };
}

/** A bind of a place without options. */
export function plainBindOf(random: Random, place: Place): BindRequest {
  return {
    method: "bind",
    place,
    spelling: random.of(place.spellings),
    options: {},
  };
}

/** A release of a place in any spelling. */
export function releaseOf(random: Random, place: Place): ReleaseRequest {
  return { method: "release", place, spelling: random.of(place.spellings) };
}

const HERE = { address: "127.0.0.1", port: 0 } as const;
const { INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND } = ErrorCode;

const WRONG: readonly [code: number, text: WrongRequest["text"]][] = [
  [INVALID_PARAMS, { method: "bind" }],
  [INVALID_PARAMS, { method: "bind", params: [{ ...HERE, blacklog: 1 }] }],
  [INVALID_PARAMS, { method: "bind", params: [{ ...HERE, backlog: -1 }] }],
  [INVALID_PARAMS, { method: "bind", params: [{ ...HERE, mode: "0600" }] }],
  [INVALID_PARAMS, { method: "bind", params: [{ path: "here" }] }],
  [INVALID_PARAMS, {
    method: "bind",
    params: [{ path: "@" + "x".repeat(200) }],
  }],
  [INVALID_PARAMS, { method: "release", params: [HERE, HERE] }],
  [INVALID_PARAMS, { method: "list", params: [1] }],
  [METHOD_NOT_FOUND, { method: "unbind", params: [HERE] }],
  [METHOD_NOT_FOUND, { method: "toString" }],
  [INVALID_REQUEST, { method: 1 }],
  [INVALID_REQUEST, { method: "bind", jsonrpc: "1.0", params: [HERE] }],
  [INVALID_REQUEST, {}],
];

/** An invalid request. */
export function wrongRequest(random: Random): WrongRequest {
  const [code, text] = random.of(WRONG);
  return { method: "wrong", code, text };
}

/** A random request about places that only one actor uses. */
export function anyRequest(
  random: Random,
  places: readonly Place[],
): Request {
  const place = random.of(places);
  return random.of<() => Request>([
    () => wrongRequest(random),
    ...Array(3).fill(() => releaseOf(random, place)),
    ...Array(6).fill(() => bindOf(random, place)),
  ])();
}

/** Different places, so that the order within a batch makes no difference. */
export function batchOf(
  random: Random,
  places: readonly Place[],
  others: readonly Request[] = [],
): Message {
  const count = random.of([1, 2, 3, 5, 12]);
  const chosen = new Set<Place>();
  while (chosen.size < count) chosen.add(random.of(places));
  const requests = [...chosen].map((place): Request =>
    random.below(8) === 0 ? releaseOf(random, place) : bindOf(random, place)
  );
  if (others.length > 0 && random.below(3) === 0) {
    requests.push(random.of(others));
  }
  return { requests, isBatch: true };
}

/**
 * Several messages for one write. A released socket stays open while an answer
 * carries it. So a place that cannot be bound meanwhile is bound only once.
 */
export function pipeline(
  random: Random,
  places: readonly Place[],
  count: number,
): Message[] {
  const once = places.filter(({ exclusive }) => exclusive);
  const often = places.filter(({ exclusive }) => !exclusive);
  return Array.from({ length: count }, () => {
    if (once.length === 0 || random.below(4) > 0) {
      return alone(anyRequest(random, often));
    }
    const [place] = once.splice(random.below(once.length), 1);
    return alone(anyRequest(random, [place!]));
  });
}

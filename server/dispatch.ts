import { abi } from "../ffi/abi.ts";
import {
  type Answer,
  decodeMessage,
  ErrorCode,
  type RequestId,
  type Status,
} from "../protocol.ts";
import type { Client } from "./authorization.ts";
import {
  type BindContext,
  type Grant,
  grantBind,
  handOver,
  prepareBind,
  undo,
} from "./bind_method.ts";
import { listMethod } from "./list_method.ts";
import { prepareRelease, release } from "./release_method.ts";
import {
  bindError,
  errorObject,
  invalidParams,
  isOutOfDescriptors,
  RequestError,
} from "./request_error.ts";
import type { SharedDescriptor } from "./shared_descriptor.ts";
import type { RequestTrace, Tracing } from "./tracing.ts";

/** What a request needs of the daemon. */
export interface RequestContext extends BindContext {
  /** The answer to `status`. */
  status(): Status;
  /** Where each request is traced. Default: nowhere. */
  readonly tracing: Tracing | undefined;
}

/** What goes back for one message. */
export interface Reply {
  /** One answer, or one for each request of a batch. */
  readonly message: Answer | Answer[];
  /** The sockets that go with it, in order: whoever sends them lets them go. */
  readonly sockets: readonly SharedDescriptor[];
}

/** A request for which nothing has to be waited for any more. */
interface Task {
  readonly id: RequestId;
  /** Undefined where the request does not say. */
  readonly method: string | undefined;
  readonly trace: RequestTrace | undefined;
  /** Does it; throws where it is to be answered with an error. */
  perform(): Done;
}

/** What a request has come to. */
type Done = { result: unknown } | { grant: Grant };

/** How a request ended. */
interface Outcome {
  readonly task: Task;
  readonly done?: Done;
  readonly error?: unknown;
}

/**
 * Answers one message; a promise only where something has to be waited for.
 * Never throws: whatever goes wrong is an error answer.
 */
export function dispatch(
  message: Uint8Array<ArrayBuffer>,
  client: Client,
  context: RequestContext,
): Reply | Promise<Reply> {
  let decoded: unknown;
  try {
    decoded = decodeMessage(message);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refusal(
      new RequestError(ErrorCode.PARSE_ERROR, `Parse error: ${reason}`),
      client,
      context,
    );
  }
  if (Array.isArray(decoded)) return dispatchBatch(decoded, client, context);
  const task = prepare(decoded, client, context);
  return task instanceof Promise
    ? task.then((task) => single(task, context))
    : single(task, context);
}

/** A reply that says why not. */
export function errorReply(id: RequestId, error: RequestError): Reply {
  return { message: errorAnswer(id, error), sockets: [] };
}

/** The reply to what is no request, or none that is served. */
function refusal(
  error: RequestError,
  { peer }: Client,
  context: RequestContext,
): Reply {
  const trace = context.tracing?.begin(undefined, peer);
  const answer = failed(null, error, context);
  context.counters.count(undefined, true);
  trace?.failed(answer.error!);
  return { message: answer, sockets: [] };
}

function single(task: Task, context: RequestContext): Reply {
  const [answered] = answerAll([attempt(task)], context);
  const { answer, socket } = answered!;
  return { message: answer, sockets: socket === undefined ? [] : [socket] };
}

function dispatchBatch(
  requests: readonly unknown[],
  client: Client,
  context: RequestContext,
): Reply | Promise<Reply> {
  if (requests.length === 0 || requests.length > abi.SCM_MAX_FD) {
    const reason =
      `a batch of ${requests.length} requests, not 1 to ${abi.SCM_MAX_FD}`;
    return refusal(invalidRequest(reason), client, context);
  }
  const tasks = requests.map((request) => prepare(request, client, context));
  return tasks.some((task) => task instanceof Promise)
    ? Promise.all(tasks).then((tasks) => batch(tasks, context))
    : batch(tasks as Task[], context);
}

/**
 * Nobody else has a turn while the requests of a batch are performed: either
 * all of its binds are granted, or what they have bound is undone.
 */
function batch(
  tasks: readonly Task[],
  context: RequestContext,
): Reply {
  const outcomes = tasks.map(attempt);
  const allGranted = outcomes.every(({ task, error }) =>
    task.method !== "bind" || error === undefined
  );
  const answered = answerAll(
    allGranted ? outcomes : outcomes.map((each) => undone(each, context)),
    context,
  );
  return {
    message: answered.map(({ answer }) => answer),
    sockets: answered.flatMap(({ socket }) => socket ?? []),
  };
}

function undone(outcome: Outcome, { binds }: RequestContext): Outcome {
  const { task, done } = outcome;
  if (done === undefined || !("grant" in done)) return outcome;
  undo(done.grant, binds);
  const error = new RequestError(
    ErrorCode.COULD_NOT_BIND,
    "Could not bind: another bind of the batch failed, and it is all or nothing",
    { undone: true },
  );
  return { task, error };
}

function attempt(task: Task): Outcome {
  try {
    return { task, done: task.perform() };
  } catch (error) {
    return { task, error };
  }
}

interface Answered {
  answer: Answer;
  socket?: SharedDescriptor;
}

function answerAll(
  outcomes: readonly Outcome[],
  context: RequestContext,
): Answered[] {
  return outcomes.map(({ task, done, error }): Answered => {
    const { id, method, trace } = task;
    context.counters.count(method, done === undefined);
    if (done === undefined) {
      const answer = failed(id, error, context);
      trace?.failed(answer.error!);
      return { answer };
    }
    if (!("grant" in done)) {
      trace?.succeeded();
      return { answer: { jsonrpc: "2.0", id, result: done.result } };
    }
    handOver(done.grant, context);
    trace?.granted(done.grant.bind.address, done.grant.isNew);
    return {
      answer: { jsonrpc: "2.0", id, result: true },
      socket: done.grant.socket,
    };
  });
}

/** Reads one request and finds out what the names in it stand for. */
function prepare(
  request: unknown,
  client: Client,
  context: RequestContext,
): Task | Promise<Task> {
  const id = idOf(request);
  let method: string | undefined;
  let trace: RequestTrace | undefined;
  const task = (perform: () => Done): Task => ({ id, method, trace, perform });
  const refused = (error: unknown) =>
    task(() => {
      throw error;
    });
  try {
    const read = readRequest(request);
    method = read.method;
    trace = context.tracing?.begin(method, client.peer);
    const performed = performer(read, client, context);
    return performed instanceof Promise
      ? performed.then(task, refused)
      : task(performed);
  } catch (error) {
    trace ??= context.tracing?.begin(method, client.peer);
    return refused(error);
  }
}

function performer(
  { method, params }: { method: string; params: unknown },
  client: Client,
  context: RequestContext,
): (() => Done) | Promise<() => Done> {
  switch (method) {
    case "bind":
      return whenPrepared(
        prepareBind(params),
        (bind) => ({ grant: grantBind(bind, client, context) }),
      );
    case "list":
      refuseParams(method, params);
      return () => {
        allowReading(method, client, context);
        return { result: listMethod(context.binds) };
      };
    case "release":
      return whenPrepared(prepareRelease(params), (prepared) => {
        release(prepared, client, context);
        return { result: true };
      });
    case "status":
      refuseParams(method, params);
      return () => {
        allowReading(method, client, context);
        return { result: context.status() };
      };
    default:
      throw new RequestError(
        ErrorCode.METHOD_NOT_FOUND,
        `Method not found: ${method}`,
      );
  }
}

function whenPrepared<T>(
  prepared: T | Promise<T>,
  perform: (prepared: T) => Done,
): (() => Done) | Promise<() => Done> {
  return prepared instanceof Promise
    ? prepared.then((prepared) => () => perform(prepared))
    : () => perform(prepared);
}

/** Looking is granted too often for a line of the log at its usual level. */
function allowReading(
  method: string,
  client: Client,
  { authorization, log }: RequestContext,
): void {
  const rule = authorization.allow(client, { method });
  log.debug(method, { ...client.peer, decision: "granted", rule });
}

/** The answer to a request that failed, written down. */
function failed(
  id: RequestId,
  error: unknown,
  { log, counters }: Pick<RequestContext, "log" | "counters">,
): Answer {
  if (error instanceof RequestError) {
    // The audit has its line already.
    if (error.code === ErrorCode.DENIED) counters.refused.denied++;
    else log.info("refused", { code: error.code, reason: error.message });
    return errorAnswer(id, error);
  }
  if (isOutOfDescriptors(error)) {
    return failed(id, bindError(error), { log, counters });
  }
  const reason = error instanceof Error ? error.stack : String(error);
  log.error("internal error", { reason });
  return errorAnswer(
    id,
    new RequestError(ErrorCode.INTERNAL_ERROR, "Internal error: see the log"),
  );
}

function errorAnswer(id: RequestId, error: RequestError): Answer {
  return { jsonrpc: "2.0", id, error: errorObject(error) };
}

/** The id to answer with, also when the rest of the request is no good. */
function idOf(request: unknown): RequestId {
  if (typeof request !== "object" || request === null) return null;
  const { id } = request as { id?: unknown };
  return typeof id === "string" || typeof id === "number" ? id : null;
}

function readRequest(request: unknown): { method: string; params: unknown } {
  if (
    typeof request !== "object" || request === null || Array.isArray(request)
  ) {
    throw invalidRequest("not an object");
  }
  const { jsonrpc, method, id, params } = request as Record<string, unknown>;
  if (jsonrpc !== "2.0") throw invalidRequest('jsonrpc is not "2.0"');
  if (typeof method !== "string") {
    throw invalidRequest("method is not a string");
  }
  if (id !== undefined && id !== null && idOf(request) === null) {
    throw invalidRequest("id is neither a string nor a number");
  }
  return { method, params };
}

function invalidRequest(reason: string): RequestError {
  return new RequestError(
    ErrorCode.INVALID_REQUEST,
    `Invalid request: ${reason}`,
  );
}

function refuseParams(method: string, params: unknown): void {
  const none = params === undefined || params === null ||
    (typeof params === "object" && Object.keys(params).length === 0);
  if (!none) throw invalidParams(`${method} takes none`);
}

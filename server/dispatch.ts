import { abi } from "../ffi/abi.ts";
import { OsError } from "../ffi/errno.ts";
import {
  type Answer,
  decodeMessage,
  encodeMessage,
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

/** What a request needs of the daemon. */
export interface RequestContext extends BindContext {
  /** The answer to `status`. */
  status(): Status;
}

/** What goes back for one message. */
export interface Reply {
  /** One answer, or an array of one for each request of a batch. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The sockets that go with it, in order: whoever sends them lets them go. */
  readonly sockets: readonly SharedDescriptor[];
}

/** A request for which nothing has to be waited for any more. */
interface Task {
  readonly id: RequestId;
  /** Undefined where the request does not say. */
  readonly method: string | undefined;
  readonly client: Client;
  readonly work: Work;
}

/** What there is to do for a request. */
interface Work {
  /** Does it; throws where it is to be answered with an error. */
  readonly perform: () => Done;
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
 * Answers one message; where something has to be waited for, a promise of what
 * then carries it out: nothing may come between that and the answer, or a next
 * generation would carry it out once more.
 * Whatever goes wrong with a request is an error answer.
 */
export function dispatch(
  message: Uint8Array<ArrayBuffer>,
  client: Client,
  context: RequestContext,
): Reply | Promise<() => Reply> {
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
  if (task instanceof Promise) {
    return task.then((task) => () => single(task, context));
  }
  return single(task, context);
}

/** A reply that says why not. */
export function errorReply(id: RequestId, error: RequestError): Reply {
  return replyOf(errorAnswer(id, error));
}

function replyOf(
  message: Answer | Answer[],
  sockets: readonly SharedDescriptor[] = [],
): Reply {
  return { bytes: encodeMessage(message), sockets };
}

/** The reply to what is no request, or none that is served. */
function refusal(
  error: RequestError,
  client: Client,
  context: RequestContext,
): Reply {
  const task = { id: null, method: undefined, client };
  const answer = failed(task, error, context);
  context.counters.count(undefined, true);
  return replyOf(answer);
}

function single(task: Task, context: RequestContext): Reply {
  const { answer, socket } = answered(attempt(task), context);
  return replyOf(answer, socket === undefined ? [] : [socket]);
}

function dispatchBatch(
  requests: readonly unknown[],
  client: Client,
  context: RequestContext,
): Reply | Promise<() => Reply> {
  if (requests.length === 0 || requests.length > abi.SCM_MAX_FD) {
    const reason =
      `a batch of ${requests.length} requests, not 1 to ${abi.SCM_MAX_FD}`;
    return refusal(invalidRequest(reason), client, context);
  }
  const tasks: Task[] = [];
  for (const [index, request] of requests.entries()) {
    const task = prepare(request, client, context);
    if (task instanceof Promise) {
      const rest = requests.slice(index + 1);
      return finishBatch(tasks, task, rest, client, context);
    }
    tasks.push(task);
  }
  return batch(tasks, context);
}

/** One name after the other: a client with many holds up none with few. */
async function finishBatch(
  tasks: Task[],
  pending: Promise<Task>,
  rest: readonly unknown[],
  client: Client,
  context: RequestContext,
): Promise<() => Reply> {
  tasks.push(await pending);
  for (const request of rest) {
    tasks.push(await prepare(request, client, context));
  }
  return () => batch(tasks, context);
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
  const answers = outcomes
    .map((each) => allGranted ? each : undone(each, context))
    .map((each) => answered(each, context));
  if (!allGranted) context.binds.settle();
  return replyOf(
    answers.map(({ answer }) => answer),
    answers.flatMap(({ socket }) => socket ?? []),
  );
}

function undone(outcome: Outcome, { binds, log }: RequestContext): Outcome {
  const { task, done } = outcome;
  if (done === undefined || !("grant" in done)) return outcome;
  try {
    undo(done.grant, binds);
  } catch (error) {
    // The others have to be undone as well.
    log.error("internal error", { reason: reasonOf(error) });
  }
  const error = new RequestError(
    ErrorCode.COULD_NOT_BIND,
    "Could not bind: another bind of the batch failed, and it is all or nothing",
    { undone: true },
  );
  return { task, error };
}

function attempt(task: Task): Outcome {
  try {
    return { task, done: task.work.perform() };
  } catch (error) {
    return { task, error };
  }
}

interface Answered {
  answer: Answer;
  socket?: SharedDescriptor;
}

function answered(
  { task, done, error }: Outcome,
  context: RequestContext,
): Answered {
  const { id, method } = task;
  context.counters.count(method, done === undefined);
  if (done === undefined) {
    const answer = failed(task, error, context);
    return { answer };
  }
  if (!("grant" in done)) {
    return { answer: { jsonrpc: "2.0", id, result: done.result } };
  }
  handOver(done.grant, context);
  return {
    answer: { jsonrpc: "2.0", id, result: true },
    socket: done.grant.socket,
  };
}

/** Reads one request and finds out what the names in it stand for. */
function prepare(
  request: unknown,
  client: Client,
  context: RequestContext,
): Task | Promise<Task> {
  const id = idOf(request);
  const method = methodOf(request);
  const task = (work: Work): Task => ({ id, method, client, work });
  const refused = (error: unknown) =>
    task({
      perform: () => {
        throw error;
      },
    });
  try {
    const read = readRequest(request);
    const work = workOf(read, client, context);
    return work instanceof Promise ? work.then(task, refused) : task(work);
  } catch (error) {
    return refused(error);
  }
}

function workOf(
  { method, params }: { method: string; params: unknown },
  client: Client,
  context: RequestContext,
): Work | Promise<Work> {
  switch (method) {
    case "bind":
      return whenPrepared(prepareBind(params), (bind) => ({
        perform: () => ({ grant: grantBind(bind, client, context) }),
      }));
    case "list":
      refuseParams(method, params);
      return {
        perform: () => {
          allowReading(method, client, context);
          return { result: listMethod(context.binds) };
        },
      };
    case "release":
      return whenPrepared(prepareRelease(params), (prepared) => ({
        perform: () => {
          release(prepared, client, context);
          return { result: true };
        },
      }));
    case "status":
      refuseParams(method, params);
      return {
        perform: () => {
          allowReading(method, client, context);
          return { result: context.status() };
        },
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
  work: (prepared: T) => Work,
): Work | Promise<Work> {
  return prepared instanceof Promise ? prepared.then(work) : work(prepared);
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
  task: Pick<Task, "id" | "method" | "client">,
  error: unknown,
  context: RequestContext,
): Answer {
  const { log, counters } = context;
  if (error instanceof RequestError) {
    const { code, message: reason } = error;
    // The audit has its line already.
    if (code === ErrorCode.DENIED) counters.refused.denied++;
    else log.info("refused", { code, reason, ...asking(task) });
    return errorAnswer(task.id, error);
  }
  if (isOutOfDescriptors(error)) return failed(task, bindError(error), context);
  log.error("internal error", { reason: reasonOf(error) });
  return errorAnswer(
    task.id,
    new RequestError(ErrorCode.INTERNAL_ERROR, "Internal error: see the log"),
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** Who has asked for what, as far as that can be told. */
function asking(
  { method, client }: Pick<Task, "method" | "client">,
): Record<string, unknown> {
  const what = method === undefined ? {} : { method };
  try {
    return { ...what, ...client.peer };
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return what;
  }
}

/** An answer that says why not. */
export function errorAnswer(id: RequestId, error: RequestError): Answer {
  return { jsonrpc: "2.0", id, error: errorObject(error) };
}

/** The id to answer with, also when the rest of the request is no good. */
function idOf(request: unknown): RequestId {
  if (typeof request !== "object" || request === null) return null;
  const { id } = request as { id?: unknown };
  return typeof id === "string" || typeof id === "number" ? id : null;
}

/** The method, also when the rest of the request is no good. */
function methodOf(request: unknown): string | undefined {
  if (typeof request !== "object" || request === null) return undefined;
  const { method } = request as { method?: unknown };
  return typeof method === "string" ? method : undefined;
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

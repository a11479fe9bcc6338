/**
 * `--check-policy`: checks a policy file, and tries requests on it with the code
 * that decides in the daemon.
 *
 * @module
 */
import { formatAddress } from "../../address.ts";
import { ErrorCode } from "../../protocol.ts";
import type { Client } from "../policy/authorization.ts";
import { loadPolicy } from "../policy/load_policy.ts";
import {
  type AccessRequest,
  type Policy,
  PolicyError,
} from "../policy/policy.ts";
import {
  bindAccess,
  type Candidate,
  candidatesOf,
} from "../requests/bind_params.ts";
import { resolveNames } from "../requests/perform.ts";
import { readRequest } from "../requests/read_request.ts";
import type { Call } from "../requests/pending_request.ts";
import { RequestError } from "../requests/request_error.ts";
import { UsageError } from "../../given_options.ts";
import { clientOf } from "./account.ts";
import type { PolicyCheck, Trial } from "./options.ts";

/** The lines of a check, and whether the policy is valid and allows the request. */
export interface CheckResult {
  readonly lines: readonly string[];
  readonly errors: readonly string[];
  readonly passed: boolean;
}

/**
 * Checks a policy file and tries the request of `--as`, if there is one.
 *
 * @throws {UsageError} for an invalid request or an unknown user.
 * @throws {OsError} if the file cannot be read.
 */
export async function checkPolicy(
  { path, trial }: PolicyCheck,
): Promise<CheckResult> {
  let policy: Policy;
  try {
    policy = await loadPolicy(path);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const errors = error.problems.map(({ line, column, reason }) =>
      `${path}:${line}:${column}: ${reason}`
    );
    return { lines: [], errors, passed: false };
  }
  if (trial !== undefined) return await tryRequest(policy, trial);
  const rules = policy.size === 1 ? "1 rule" : `${policy.size} rules`;
  return { lines: [`${path}: ${rules}, no errors`], errors: [], passed: true };
}

async function tryRequest(policy: Policy, trial: Trial): Promise<CheckResult> {
  const { client, description } = clientOf(trial);
  const call = await readCall(trial, client);
  const attempts = attemptsOf(call, client);
  const decisions = attempts.map(({ request, candidate }) => ({
    candidate,
    decision: policy.decide({ ...client.peer, groups: client.groups }, request),
  }));
  const lines = decisions.map(({ candidate, decision }) => {
    const { allowed, rule, place } = decision;
    const at = place ? ` at ${policy.path}:${place.line}:${place.column}` : "";
    const what = candidate === undefined
      ? trial.method
      : `${trial.method} of ${shown(candidate)}`;
    return `${
      allowed ? "allowed" : "denied"
    }: ${what} for ${description}, by ${rule}${at}`;
  });
  const errors = decisions.flatMap(({ candidate }) =>
    candidate?.error === undefined
      ? []
      : [`this path cannot be used: ${candidate.error.message}`]
  );
  const passed = decisions.every(({ decision }) => decision.allowed);
  return { lines, errors, passed };
}

/** The request as the daemon reads it, with all names looked up. */
async function readCall(
  { method, params }: Trial,
  client: Client,
): Promise<Call> {
  const request = readRequest({
    jsonrpc: "2.0",
    method,
    ...(params && { params: [params] }),
  }, client);
  await resolveNames(request);
  const { state } = request;
  if (state.name === "ready") return state.call;
  const error = state.name === "failed" ? state.error : undefined;
  if (
    error instanceof RequestError && error.code === ErrorCode.INVALID_PARAMS
  ) {
    const reason = error.message.replace(/^Invalid params: /, "");
    throw new UsageError(`${method}: ${reason}`);
  }
  throw error;
}

/** One address of a request; a name can have several. */
interface Attempt {
  readonly request: AccessRequest;
  readonly candidate?: Candidate;
}

function attemptsOf(call: Call, client: Client): Attempt[] {
  if (call.method !== "bind" && call.method !== "release") {
    return [{ request: { method: call.method } }];
  }
  const { method, bind: { addresses, options } } = call;
  const names = Object.keys(options);
  return candidatesOf(addresses, client).map((candidate) => ({
    candidate,
    request: method === "bind"
      ? bindAccess(candidate, names)
      : { method, address: candidate.address },
  }));
}

/** The address, and the one that the links of a path lead to. */
function shown({ asked, address }: Candidate): string {
  const [written, meant] = [formatAddress(asked), formatAddress(address)];
  return written === meant ? written : `${written} (${meant})`;
}

/**
 * The plan, in which a test defines the faults of a daemon's C library, and the
 * report of the daemon.
 *
 * @module
 */
import type { Reason } from "./libc_symbols.ts";

/** A fault of a call. */
export interface Fault {
  symbol: string;
  /** The first callers, as in {@linkcode Call}. Default: any. */
  site?: string;
  /** The image of the program, from 1 on. Default: any. */
  image?: number;
  /** The error, or that only one byte is transferred. */
  outcome: Reason | "one byte";
  /** Number of calls. Default: 1. */
  times?: number;
}

/** The faults from now on. */
export interface Plan {
  /** Different for each plan. */
  serial: number;
  /** Whether each call is reported. */
  traced: boolean;
  faults: Fault[];
}

/** A traced call. */
export interface Call {
  symbol: string;
  /** The callers, innermost first: `file:line:column < ...`. */
  site: string;
  /** The image of the program that made it. */
  image: number;
}

/** A line of the daemon's report. */
export type Report =
  /** A process has started the next image of the program. */
  | { event: "image"; image: number; pid: number }
  | ({ event: "call"; serial: number } & Call)
  /** A fault of the plan happened. */
  | { event: "fault"; serial: number; symbol: string };

/**
 * Plans are appended, each with this size: a reader sees a whole plan or none,
 * which overwriting would not guarantee.
 */
export const PLAN_SIZE = 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Encodes a plan. */
export function encodePlan(plan: Plan): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(JSON.stringify(plan).padEnd(PLAN_SIZE));
  if (bytes.length > PLAN_SIZE) throw new RangeError("the plan is too long");
  return bytes;
}

/** Decodes a plan. */
export function decodePlan(bytes: Uint8Array<ArrayBuffer>): Plan {
  return JSON.parse(decoder.decode(bytes));
}

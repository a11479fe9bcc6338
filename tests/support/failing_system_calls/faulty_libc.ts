/**
 * Makes the C library fail according to a plan: replaces the functions that
 * `libc()` returns to the whole program.
 *
 * @module
 */
import { abi } from "../../../ffi/libc/abi.ts";
import { cString } from "../../../ffi/libc/c_string.ts";
import { libc } from "../../../ffi/libc/libc.ts";
import { viewOf } from "../../../ffi/libc/memory.ts";
import { FAILING, type FailingSymbol, NUMBERS } from "./libc_symbols.ts";
import { decodePlan, type Plan, PLAN_SIZE, type Report } from "./plan.ts";

type Callable = (...args: readonly unknown[]) => unknown;

const O_APPEND = 0o2000;
const O_WRONLY = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Calls that transfer bytes, with the index of the parameter for the length. */
const LENGTH_AT: Readonly<Record<string, number>> = {
  recv: 2,
  send: 2,
  read: 2,
  write: 2,
  pread: 2,
};

/** The real functions. */
function originals() {
  const { open, pread, read, write, memcpy_in, memcpy_out, __errno_location } =
    libc();
  const { getpid, close } = libc();
  return {
    open,
    pread,
    read,
    write,
    memcpy_in,
    memcpy_out,
    __errno_location,
    getpid,
    close,
  };
}

class FaultyLibrary {
  readonly #real = originals();
  readonly #plan: number;
  readonly #report: number;
  readonly #bytes = new Uint8Array(PLAN_SIZE);
  readonly #errno = this.#real.__errno_location();
  readonly #image: number;
  #plans = 0;
  #current: Plan = { serial: 0, traced: false, faults: [] };
  #left: number[] = [];

  constructor(planPath: string, reportPath: string) {
    const flags = abi.O_CLOEXEC;
    const image = this.#imagesIn(reportPath) + 1;
    this.#image = image;
    this.#plan = this.#real.open(cString(planPath), abi.O_RDONLY | flags, 0);
    this.#report = this.#real.open(
      cString(reportPath),
      O_WRONLY | O_APPEND | flags,
      0,
    );
    this.#write({ event: "image", image, pid: this.#real.getpid() });
  }

  #imagesIn(path: string): number {
    const fd = this.#real.open(cString(path), abi.O_RDONLY | abi.O_CLOEXEC, 0);
    const room = new Uint8Array(1 << 16);
    let text = "";
    for (let length; (length = this.#real.read(fd, room, 65536n)) > 0n;) {
      text += decoder.decode(room.subarray(0, Number(length)));
    }
    this.#real.close(fd);
    return text.split('"event":"image"').length - 1;
  }

  #write(report: Report): void {
    const bytes = encoder.encode(JSON.stringify(report) + "\n");
    this.#real.write(this.#report, bytes, BigInt(bytes.length));
  }

  /** Reads the plans that were written since the last call. */
  #reread(): void {
    const room = BigInt(PLAN_SIZE);
    while (true) {
      const at = BigInt(this.#plans * PLAN_SIZE);
      const length = this.#real.pread(this.#plan, this.#bytes, room, at);
      if (length !== room) return;
      this.#plans++;
      this.#current = decodePlan(this.#bytes);
      this.#left = this.#current.faults.map(({ times = 1 }) => times);
    }
  }

  /** Wraps `call`; nothing after it changes errno. */
  replace(symbol: string, called: FailingSymbol, call: Callable): Callable {
    return (...args) => {
      this.#reread();
      const { serial, traced, faults } = this.#current;
      const image = this.#image;
      // Always from here, because the recorded depth of a stack is limited.
      const site = traced || faults.some((each) => each.symbol === symbol)
        ? siteOf(new Error())
        : "";
      if (traced) this.#write({ event: "call", serial, symbol, site, image });
      for (const [index, fault] of faults.entries()) {
        if (this.#left[index] === 0 || fault.symbol !== symbol) continue;
        if ((fault.image ?? image) !== image) continue;
        if (!site.startsWith(fault.site ?? "")) continue;
        this.#left[index]!--;
        this.#write({ event: "fault", serial, symbol });
        const { outcome } = fault;
        if (outcome === "one byte") return this.#oneByte(symbol, call, args);
        if (called.happens) call(...args);
        return this.#fail(called, NUMBERS[outcome]);
      }
      return call(...args);
    };
  }

  #fail({ failing }: FailingSymbol, number: number): unknown {
    if (failing === "promise of errno") return Promise.resolve(number);
    if (failing === "errno") return number;
    if (failing === "promise of -1") return Promise.resolve(-1);
    const bytes = new Uint8Array(4);
    viewOf(bytes).setInt32(0, number, true);
    this.#real.memcpy_in(this.#errno, bytes, 4n);
    if (failing === "NULL") return 0n;
    return failing === "-1n" ? -1n : -1;
  }

  #oneByte(symbol: string, call: Callable, args: readonly unknown[]): unknown {
    const at = LENGTH_AT[symbol];
    if (at !== undefined) return call(...args.with(at, 1n));
    return this.#oneByteMessage(call, args);
  }

  /** The length is in native memory, in the only iovec of the msghdr. */
  #oneByteMessage(call: Callable, args: readonly unknown[]): unknown {
    const { msghdr, iovec } = abi.layouts;
    const { memcpy_in, memcpy_out } = this.#real;
    const word = new Uint8Array(8);
    memcpy_out(word, args[1] as bigint + BigInt(msghdr.msg_iov), 8n);
    const length = viewOf(word).getBigUint64(0, true) + BigInt(iovec.iov_len);
    const before = new Uint8Array(8);
    memcpy_out(before, length, 8n);
    viewOf(word).setBigUint64(0, 1n, true);
    memcpy_in(length, word, 8n);
    const result = call(...args);
    memcpy_in(length, before, 8n);
    return result;
  }
}

/**
 * This many callers identify a place. Outer callers depend on the state of the
 * event loop.
 */
const CALLERS = 6;

/** The callers of a call, without the frames of this file. */
function siteOf({ stack = "" }: Error): string {
  const places = [...stack.matchAll(/\/([\w.-]+\.ts:\d+:\d+)\)?$/gm)]
    .map((place) => place[1]!)
    .filter((place) => !place.startsWith("faulty_"));
  // Which wait of the poller reports an event is a matter of time.
  const poller = places.findIndex((place, index) =>
    index > 0 && place.startsWith("poller.ts:")
  );
  const inner = poller === -1 ? places : places.slice(0, poller);
  return inner.slice(0, CALLERS).join(" < ");
}

/** Makes every function fail according to the plan at that path. */
export function makeLibcFaulty(planPath: string, reportPath: string): void {
  const library = new FaultyLibrary(planPath, reportPath);
  const functions = libc() as unknown as Record<string, Callable>;
  for (const [name, called] of Object.entries(FAILING)) {
    const value = library.replace(name, called, functions[name]!);
    Object.defineProperty(functions, name, { value });
  }
}

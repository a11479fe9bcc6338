import { NonblockingWriter } from "../../ffi/files/nonblocking_writer.ts";
import { Interest } from "../../ffi/files/poller.ts";
import { waitReadySync } from "../../ffi/files/readiness.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { OsError } from "../../ffi/libc/errno.ts";

/** Length of the lines that wait for a reader, in characters. */
const CAPACITY = 1024 * 1024;

/** Time in ms until the next try after a write failed. */
const RETRY_DELAY = 100;

/** What a writer needs of the event loop. */
export interface WritableLoop {
  /** Calls `callback` whenever the descriptor is ready. */
  watch(fd: number, interest: number, callback: () => void): void;
  /** Stops watching a descriptor that stays open. */
  unwatch(fd: number): void;
}

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

/**
 * Writes lines to standard output or standard error. If their reader is slow, the
 * lines wait in memory; if too many wait, later lines are dropped and counted.
 */
export class LineWriter {
  readonly #output: NonblockingWriter;
  readonly #gapLine: (dropped: number) => string;
  #lines: string[] = [];
  /** Length of the waiting lines. */
  #length = 0;
  /** Lines are dropped until the waiting ones are written. */
  #hasGap = false;
  /** Dropped lines that no line has reported. */
  #unreported = 0;
  #dropped = 0;
  /** What is being written, and the number of lines in it. */
  #chunk: Uint8Array<ArrayBuffer> = NOTHING;
  #linesInChunk = 0;
  /** Dropped lines that the chunk reports. */
  #reporting = 0;
  #loop: WritableLoop | undefined;
  #isWatching = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /**
   * Writes to the descriptor. `gapLine` makes the line that reports how many
   * lines were dropped before it; an empty line is not written.
   */
  constructor(fd: number, gapLine: (dropped: number) => string) {
    this.#output = writerOf(fd);
    this.#gapLine = gapLine;
  }

  /** Number of dropped lines since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Number of lines that are not written: waiting or dropped. */
  get missing(): number {
    return this.#lines.length + this.#linesInChunk + this.#reporting +
      this.#unreported;
  }

  /** Adds a line with its newline; {@linkcode flush} writes it. */
  add(line: string): void {
    if (this.#hasGap || this.#length > CAPACITY) return this.addDropped(1);
    this.#lines.push(line);
    this.#length += line.length;
  }

  /** Counts lines that were dropped. */
  addDropped(count: number): void {
    if (count === 0) return;
    this.#hasGap = true;
    this.#unreported += count;
    this.#dropped += count;
  }

  /**
   * Writes what the reader takes, and waits for it at most `patience` ms. The
   * event loop writes the rest.
   *
   * @default 0 ms
   */
  flush(patience = 0): void {
    const end = performance.now() + patience;
    let outcome = this.#writeSome();
    while (outcome === "full") {
      const left = end - performance.now();
      if (left <= 0 || !this.#becomesReady(left)) return this.#watch();
      outcome = this.#writeSome();
    }
    this.#unwatch();
    if (outcome === "failed") this.#retryLater();
  }

  /** Has the event loop write waiting lines once the reader takes them. */
  attach(loop: WritableLoop): void {
    this.#loop = loop;
    this.flush();
  }

  /** Stops using the event loop. */
  detach(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#unwatch();
    this.#loop = undefined;
  }

  /** Writes until all is written, the reader has no room or the write fails. */
  #writeSome(): "done" | "full" | "failed" {
    try {
      while (this.#chunk.length > 0 || this.#nextChunk()) {
        const count = this.#output.write(this.#chunk);
        if (count === -1) return "full";
        this.#chunk = this.#chunk.subarray(count);
        if (this.#chunk.length === 0) this.#linesInChunk = this.#reporting = 0;
      }
      return "done";
    } catch (error) {
      // The reader is gone, or the disk is full.
      if (!(error instanceof OsError)) throw error;
      return "failed";
    }
  }

  /**
   * As many whole lines as stay in one piece, or one longer line. Encoding lines
   * together takes less time than one by one.
   */
  #nextChunk(): boolean {
    const count = this.#countUpTo(abi.PIPE_BUF);
    if (count === 0) return this.#nextGapLine();
    const chunk = encoder.encode(this.#lines.slice(0, count).join(""));
    if (chunk.length <= abi.PIPE_BUF || count === 1) this.#take(count, chunk);
    else this.#take(1, encoder.encode(this.#lines[0]));
    return true;
  }

  /** How many lines have that many characters, at least one of the waiting ones. */
  #countUpTo(most: number): number {
    let length = 0;
    let count = 0;
    for (const line of this.#lines) {
      length += line.length;
      if (count > 0 && length > most) break;
      count++;
    }
    return count;
  }

  #take(count: number, chunk: Uint8Array<ArrayBuffer>): void {
    for (const line of this.#lines.splice(0, count)) {
      this.#length -= line.length;
    }
    this.#linesInChunk = count;
    this.#chunk = chunk;
  }

  #nextGapLine(): boolean {
    if (!this.#hasGap) return false;
    this.#hasGap = false;
    this.#reporting = this.#unreported;
    this.#unreported = 0;
    this.#chunk = encoder.encode(this.#gapLine(this.#reporting));
    return true;
  }

  #retryLater(): void {
    if (this.#loop === undefined) return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.flush();
    }, RETRY_DELAY);
  }

  #becomesReady(timeout: number): boolean {
    try {
      return waitReadySync(this.#output.fd, "write", timeout);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      return false;
    }
  }

  #watch(): void {
    if (this.#isWatching || this.#loop === undefined) return;
    try {
      this.#loop.watch(this.#output.fd, Interest.WRITE, () => this.flush());
      this.#isWatching = true;
    } catch (error) {
      // The next line tries again.
      if (!(error instanceof OsError)) throw error;
    }
  }

  #unwatch(): void {
    if (!this.#isWatching) return;
    this.#isWatching = false;
    this.#loop?.unwatch(this.#output.fd);
  }
}

const writers = new Map<number, NonblockingWriter>();

/** One for each descriptor of the process, because it may open another one. */
function writerOf(fd: number): NonblockingWriter {
  const known = writers.get(fd);
  if (known !== undefined) return known;
  const writer = new NonblockingWriter(fd);
  writers.set(fd, writer);
  return writer;
}

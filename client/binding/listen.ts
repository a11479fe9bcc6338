import {
  openOnSocket,
  type Place,
  type Steps,
} from "../../ffi/sockets/adopt.ts";
import type { SharedSocket } from "./serve.ts";

/** A connection that {@linkcode Binding.listen} accepts. */
export type SharedConn = Deno.TcpConn | Deno.UnixConn;

/** A listener on a shared socket, with the interface of `Deno.listen`. */
export type SharedListener = Deno.Listener<SharedConn, Deno.Addr>;

/** A listener of Deno.listen that reports the address of the shared socket. */
class AdoptedListener implements SharedListener {
  readonly #listener: SharedListener;

  constructor(listener: SharedListener, readonly addr: Deno.Addr) {
    this.#listener = listener;
  }

  accept(): Promise<SharedConn> {
    return this.#listener.accept();
  }

  close(): void {
    this.#listener.close();
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<SharedConn> {
    return this.#listener[Symbol.asyncIterator]();
  }

  [Symbol.dispose](): void {
    this.#listener[Symbol.dispose]();
  }
}

function denoListen(place: Place): SharedListener {
  return place.transport === "unix" ? Deno.listen(place) : Deno.listen(place);
}

/** Implements {@linkcode Binding.listen}. Tests replace `steps`. */
export function listen(
  { fd, addr }: SharedSocket,
  steps?: Steps,
): SharedListener {
  const { opened } = openOnSocket(
    fd,
    denoListen,
    (listener) => listener.close(),
    steps,
  );
  return new AdoptedListener(opened, addr);
}

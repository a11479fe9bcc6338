import { OsError } from "../../ffi/libc/errno.ts";
import {
  LISTEN_VARIABLES,
  type PassedDescriptor,
  passedDescriptors,
} from "../../ffi/systemd/listen_fds.ts";
import { unsetEnvironmentVariable } from "../../ffi/processes/process.ts";
import { Binding } from "./binding.ts";

/** Options of {@linkcode inherited}. */
export interface InheritedOptions {
  /**
   * Removes LISTEN_FDS, LISTEN_PID and the like from the environment, so that
   * children do not see them. Later calls still return the Bindings.
   *
   * @default false
   */
  clear?: boolean;
}

// Each descriptor has one owner: a second call returns the same Bindings.
let cached: readonly Binding[] | undefined;

function readBindings(): Binding[] {
  return passedDescriptors().flatMap((descriptor) => {
    const binding = bindingOf(descriptor);
    return binding === undefined ? [] : [binding];
  });
}

function bindingOf({ fd, name }: PassedDescriptor): Binding | undefined {
  try {
    return Binding.from(fd, { name });
  } catch (error) {
    // Not a listening socket: leave it to the program.
    if (error instanceof TypeError || error instanceof OsError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Returns the listening sockets that this program was started with.
 *
 * systemd, systemfd, `multibinder exec`, `multibinder run` and {@linkcode spawn}
 * pass them as sd_listen_fds(3) describes. The result is empty without
 * LISTEN_FDS. `inherited` ignores descriptors that are not listening sockets.
 *
 * LISTEN_PID and LISTEN_PIDFDID name the process that the sockets are for. Through
 * a shell or `deno task` the sockets of `exec`, `run` and `spawn` also reach a
 * child of that process, which recognises them by their inodes
 * (MULTIBINDER_FDS). Sockets for another process are an error, and so are
 * LISTEN_FDS without LISTEN_PID where the descriptors are not sockets.
 *
 * The sockets become close-on-exec. Later calls return the same Bindings, except
 * closed ones. `inherited` needs `--allow-ffi` for the C library, but not
 * `--allow-env`.
 *
 * @throws {InheritedSocketsError} when the sockets are for another process.
 * @throws {OsError} EBADF when a descriptor that LISTEN_FDS counts is not open.
 * @throws {TypeError} when LISTEN_FDS is not a number.
 *
 * @example
 * ```ts no-eval
 * import { bind, inherited } from "jsr:@multibinder/client";
 *
 * const web = inherited("http")[0] ?? await bind("127.0.0.1", 8000);
 * web.serve(() => new Response("hello\n"));
 * ```
 */
export function inherited(options?: InheritedOptions): Binding[];
/**
 * Returns the sockets with this name: LISTEN_FDNAMES, `FileDescriptorName=` of
 * systemd.socket(5), `NAME=ADDR` of `exec` and `run`. Several sockets can have the
 * same name.
 */
export function inherited(name: string, options?: InheritedOptions): Binding[];
export function inherited(
  first?: string | InheritedOptions,
  second?: InheritedOptions,
): Binding[] {
  const name = typeof first === "string" ? first : undefined;
  const options = typeof first === "string" ? second : first;
  cached ??= readBindings();
  if (options?.clear) LISTEN_VARIABLES.forEach(unsetEnvironmentVariable);
  return cached.filter((binding) =>
    !binding.closed && (name === undefined || binding.name === name)
  );
}

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
   * Removes LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES from the environment, so
   * that children do not see them; `inherited()` itself remembers. Default:
   * false.
   */
  clear?: boolean;
}

// Each descriptor has one owner: whoever asks twice gets the same Bindings.
let passed: readonly Binding[] | undefined;

function take(): Binding[] {
  return passedDescriptors().flatMap((descriptor) => {
    const binding = bindingOf(descriptor);
    return binding === undefined ? [] : [binding];
  });
}

function bindingOf({ fd, name }: PassedDescriptor): Binding | undefined {
  try {
    return Binding.from(fd, { name });
  } catch (error) {
    // Something else than a listening socket; nobody's business here.
    if (error instanceof TypeError || error instanceof OsError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * The listening sockets that this program was started with: by systemd,
 * systemfd, `multibinder exec`, `multibinder run` or {@linkcode spawn}, in the
 * way of sd_listen_fds(3). Empty when there are none, or when they are meant
 * for another process (LISTEN_PID). Descriptors of other kinds are left alone.
 *
 * All of them become close-on-exec. Later calls return the same Bindings,
 * without those that were closed. It needs `--allow-ffi` for the C library, and no
 * `--allow-env`.
 *
 * @throws {OsError} EBADF when a descriptor that was announced is not open.
 * @throws {TypeError} when LISTEN_FDS is no number.
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
 * Those of one name (LISTEN_FDNAMES, `FileDescriptorName=` in a unit of
 * systemd, `NAME=ADDR` for `exec` and `run`): an array, because one name may
 * stand for several sockets.
 */
export function inherited(name: string, options?: InheritedOptions): Binding[];
export function inherited(
  first?: string | InheritedOptions,
  second?: InheritedOptions,
): Binding[] {
  const name = typeof first === "string" ? first : undefined;
  const options = typeof first === "string" ? second : first;
  passed ??= take();
  if (options?.clear) LISTEN_VARIABLES.forEach(unsetEnvironmentVariable);
  return passed.filter((binding) =>
    !binding.closed && (name === undefined || binding.name === name)
  );
}

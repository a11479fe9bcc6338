import { PYTHON } from "../run/supervised.ts";
import { treePath } from "../tree.ts";

/** The command prefix of a program whose calls of a system call fail with EPERM. */
export function refusing(call: "memfd_create" | "prlimit64"): string[] {
  return [PYTHON, treePath("tests/support/programs/refuse_call.py"), call];
}

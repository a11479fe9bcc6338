/**
 * A program that prints what it inherited, and what its child then inherits.
 * Arguments: a name or an empty string; `clear`.
 */
import { inherited } from "../../../client.ts";
import { isCloseOnExec } from "../../../ffi/files/descriptor.ts";
import { LISTEN_VARIABLES } from "../../../ffi/systemd/listen_fds.ts";
import { environmentVariable } from "../../../ffi/processes/process.ts";

const FIRST = 3;

const name = Deno.args[0];
const options = { clear: Deno.args[1] === "clear" };
const bindings = name ? inherited(name, options) : inherited(options);
const report = {
  bindings: bindings.map(({ name, kind, addr }) => ({ name, kind, addr })),
  closeOnExec: bindings.map((_, index) => isCloseOnExec(FIRST + index)),
  same: (name ? inherited(name) : inherited()).every((each, index) =>
    each === bindings[index]
  ),
  variables: LISTEN_VARIABLES.filter((each) =>
    environmentVariable(each) !== undefined
  ),
  numbers: bindings.map(({ fd }) => fd),
  passedOn: bindings.map(({ fd }) => !isCloseOnExec(fd)),
};
bindings[0]?.close();
const left = inherited().length;
console.log(JSON.stringify({ ...report, left }));

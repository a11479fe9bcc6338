import { template, Wrapped } from "./wrapped.ts";
for (const [global, under] of [["master-worker\n  chroot /nonexistent",[]],["uid 65534",["setpriv","--bounding-set","-setuid","--inh-caps","-setuid","--securebits", "+noroot"]],["uid 65534",["setpriv","--bounding-set","-setuid"]],["gid 65534",["setpriv","--bounding-set","-setgid"]],["master-worker\n  uid 65534",["setpriv","--bounding-set","-setuid"]],["lua-load /tmp/hp6/x.lua", []]] as [string,string[]][]) {
console.log("=====", global, under.join(" "));
try {
await using h = await Wrapped.serving(template("v1"), [], {under});
const half = await h.beginRequest();
await h.reload(template("v2", { global }));
await new Promise(r => setTimeout(r, 2500));
console.log(h.program.errors.text);
} catch (e) { console.log((e as Error).message); }
}

/**
 * Keywords of a configuration that send HAProxy to the background.
 *
 * `-db` disables `daemon` (configuration.txt, section 3.1) and not
 * `master-worker`: then our child is the master, which sends SIGUSR1 and SIGTERM
 * on to its workers and ends after them (management.txt, section 4).
 *
 * @module
 */

const NAMES = "daemon|master-worker";
const SECTION =
  /^(global|defaults|frontend|backend|listen|peers|resolvers|userlist|program|cache|mailers|ring|log-forward|http-errors|fcgi-app|crt-store|traces|log-profile|acme)(\s|$)/;

/** Which of these keywords the `global` section has. */
export function backgroundKeywords(config: string): string[] {
  let isGlobal = false;
  const found = new Set<string>();
  for (const line of config.split("\n").map((each) => each.trim())) {
    const section = SECTION.exec(line)?.[1];
    if (section !== undefined) isGlobal = section === "global";
    const keyword = new RegExp(`^(${NAMES})(\\s|$)`).exec(line)?.[1];
    if (isGlobal && keyword !== undefined) found.add(keyword);
  }
  return [...found];
}

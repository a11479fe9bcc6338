import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { render, TemplateError } from "../../haproxy/mod.ts";

/** What a template becomes without a daemon. */
async function plain(
  template: string,
  env: Record<string, string> = {},
): Promise<string> {
  using rendering = await render(template, { env, warn: () => {} });
  assertEquals(rendering.descriptors, []);
  return rendering.text;
}

const RENDERED: [what: string, template: string, expected: string][] = [
  [
    "single quotes, as in templates of the Ruby tool",
    "bind <%= bind_tcp('0.0.0.0', 80) %>\n",
    "bind 0.0.0.0:80\n",
  ],
  ["double quotes", 'bind <%= bind_tcp("0.0.0.0", 80) %>', "bind 0.0.0.0:80"],
  ["a port in quotes", "<%= bind_tcp('0.0.0.0', '80') %>", "0.0.0.0:80"],
  ["a star for every IPv4 address", "<%= bind_tcp('*', 80) %>", "0.0.0.0:80"],
  ["IPv6", "<%= bind_tcp('::', 80) %>", "[::]:80"],
  ["IPv6 in brackets", "<%= bind_tcp('[::1]', 80) %>", "[::1]:80"],
  [
    "options that are part of the address",
    "<%= bind_tcp('::', 80, { v6only: false }) %>",
    "[::]:80 v4v6",
  ],
  [
    "an empty host for every address",
    "<%= bind_tcp('', 80) %>",
    "[::]:80 v4v6",
  ],
  ["UDP", "dgram-bind <%= bind_udp('::1', 514) %>", "dgram-bind udp@[::1]:514"],
  ["a path", "<%= bind_unix('/run/x.sock') %>", "/run/x.sock"],
  ["an abstract name", "<%= bind_unix('@x') %>", "abns@x"],
  [
    "an abstract name in HAProxy's syntax",
    "<%= bind_unix('abns@x') %>",
    "abns@x",
  ],
  [
    "a loop",
    "<% for (const port of [80, 81]) { -%>\nbind <%= bind_tcp('::1', port) %>\n<% } -%>\nend",
    "bind [::1]:80\nbind [::1]:81\nend",
  ],
  [
    "a choice",
    "<% if (ENV['A']) { %>a<% } else { %>b<% } %>",
    "a",
  ],
  ["the environment", "<%= ENV['A'] %><%= env.A %>", "11"],
  ["a missing variable", "<%= ENV['constructor'] %>", ""],
  ["a default", "<%= ENV.fetch('A', 'x') %><%= ENV.fetch('B', 'x') %>", "1x"],
  ["no HTML escaping", "<%= '<&\"\\'>' %>", "<&\"'>"],
  ["a comment", "a<%# bind_tcp( %>b", "ab"],
  ["a literal delimiter", "<%% x %>", "<% x %>"],
  ["a comment in JavaScript", "<%= 1 // one %>", "1"],
  ["a semicolon", "<%= 1; %>", "1"],
  ["removed whitespace", "a\n  <%_ let b = 1 _%>\nb", "a\nb"],
];

for (const [what, template, expected] of RENDERED) {
  Deno.test(`rendered: ${what}`, async () => {
    assertEquals(await plain(template, { A: "1" }), expected);
  });
}

const RUBY = /this looks like Ruby/;

const MISTAKES: [
  what: string,
  template: string,
  line: number,
  expression: string,
  message: RegExp,
][] = [
  [
    "an undefined name",
    "a\n<%= 1 %> <%= nope %>",
    2,
    "<%= nope %>",
    /^web\.cfg\.erb:2: ReferenceError: nope is not defined/,
  ],
  [
    "a missing port",
    "\n\n<%= bind_tcp('::') %>",
    3,
    "<%= bind_tcp('::') %>",
    /port/,
  ],
  [
    "a port that is not a number",
    "<%= bind_tcp('::', 'http') %>",
    1,
    "",
    /"http"/,
  ],
  ["a port out of range", "<%= bind_tcp('::', 65536) %>", 1, "", /65536/],
  ["a missing host", "<%= bind_tcp(80) %>", 1, "", /the host is number/],
  [
    "an unknown option",
    "<%= bind_tcp('::', 80, { backlogg: 1 }) %>",
    1,
    "",
    /unknown option backlogg: expected one of backlog/,
  ],
  ["a missing variable", "<%= ENV.fetch('B') %>", 1, "", /no variable B/],
  ["an invalid path", "<%= bind_unix('x') %>", 1, "", /invalid path "x"/],
  [
    "an exception in a loop",
    "<% for (;;) { %>\n<%= b() %>\n<% } %>",
    2,
    "<%= b() %>",
    /b is not defined/,
  ],
  [
    "a thrown value that is not an Error",
    "a\n<% throw 'x' %>",
    2,
    "<% throw 'x' %>",
    /thrown: x/,
  ],
  [
    "invalid syntax",
    "a\n<%= foo( %>\n<%= 1 %>",
    2,
    "<%= foo( %>",
    /syntax error/,
  ],
  [
    "invalid syntax on the last line",
    "a\n<%= 1 %>\n<%= 1 + %>",
    3,
    "<%= 1 + %>",
    /syntax error/,
  ],
  [
    "invalid syntax within a long tag",
    "a\n<%\n let a = 1;\n let b = ;\n%>\n",
    4,
    "<%\n let a = 1;\n let b = ;\n%>",
    /syntax error/,
  ],
  [
    "invalid syntax within a loop",
    "<% for (const a of [1]) { %>\n<%= a b %>\n<% } %>",
    2,
    "<%= a b %>",
    /syntax error/,
  ],
  [
    "a loop that is not closed",
    "a\n<% for (const a of [1]) { %>\n<%= a %>\n",
    2,
    "<% for (const a of [1]) { %>",
    /the block that begins here is never closed/,
  ],
  ["one brace too many", "a\n<% } %>\nb", 2, "<% } %>", /syntax error/],
  ["a tag that is not closed", "a\n<%= 1\nb", 2, "<%= 1", /never closed/],
  ["an empty tag", "a\n<%=%>", 2, "<%=%>", /empty/],
  [
    "Ruby: a block",
    "<% [1].each do |a| %>\n<% end %>",
    1,
    "<% [1].each do |a| %>",
    RUBY,
  ],
  ["Ruby: a hash", "<%= bind_tcp('::', 80, :backlog => 1) %>", 1, "", RUBY],
  ["Ruby: keywords", "<%= bind_tcp('::', 80, backlog: 1) %>", 1, "", RUBY],
  ["Ruby: no brackets", "<%= bind_tcp '::', 80 %>", 1, "", RUBY],
  [
    "Ruby: a condition",
    "<% if ENV['A'] %>\na\n<% end %>",
    1,
    "<% if ENV['A'] %>",
    RUBY,
  ],
  [
    "Ruby: interpolation, which is a valid string in JavaScript",
    "a\n<%= \"#{ENV['A']}\" %>",
    2,
    "<%= \"#{ENV['A']}\" %>",
    /#\{\.\.\.\} in a string is Ruby\n.*\n.*backquotes/,
  ],
];

for (const [what, template, line, expression, message] of MISTAKES) {
  Deno.test(`error: ${what}`, async () => {
    const error = await assertRejects(
      () => render(template, { name: "web.cfg.erb", warn: () => {} }),
      TemplateError,
    );
    assertEquals([error.file, error.line], ["web.cfg.erb", line]);
    assertEquals(error.expression, expression === "" ? template : expression);
    assertMatch(error.message, message);
    assertMatch(error.message, new RegExp(`^web\\.cfg\\.erb:${line}: `));
  });
}

const RUBY_TAGS = [
  "<% [1].each do %>",
  "<% [1].each { |a| bind_tcp('::', a) } %>",
  "<%= bind_tcp(ENV.fetch('A', '::'), 80, backlog: 1) %>",
  "<%= bind_tcp('::', 80, 'backlog' => 1) %>",
  "<% unless ENV['A'] %>",
  "<% if (!ENV['A']) then %>",
  "<% if ENV['A'].nil? %>",
  "<%= ENV['A'].empty? ? 1 : 2 %>",
  "<%= ENV['A'] == nil %>",
  "<%= ENV['A'].to_i.nope %>",
  "<% end %>\n<%= 1 + %>",
];

for (const tag of RUBY_TAGS) {
  Deno.test(`recognised as Ruby: ${tag}`, async () => {
    await assertRejects(() => plain(tag), TemplateError, "looks like Ruby");
  });
}

/** JavaScript with other errors. */
const JAVASCRIPT_TAGS = [
  "<%= bind_tcp('127.0.0.1', 8080, { backlogs: 5 }) %>",
  "<%= bind_tcp(ENV.A ? '::' : '::1', ENV.B ? 80 : nope) %>",
  "<%= bind_tcp('::', ENV.A ? 80: nope) %>",
  "<%= bind_tcp('::', Number({ port: nope })) %>",
  "<% Promise.resolve(nope).then((port) => port) %>",
  "<% const then = 1, nil = null; nope() %>",
  "<% nope() // what there is to do %>",
  "<%= nope('if x then y, :a => nil') %>",
  "<% require('node:os') %>",
  "<% const end = 1; nope(end) %>",
  "<% [80].each((port) => port) %>",
  "<%= ENV.empty ?? nope %>",
  "<% if (nope) { %>\n<% } %>",
  "<% if (1) { %>\n<%= 1 + %>\n<% } %>",
];

for (const tag of JAVASCRIPT_TAGS) {
  Deno.test(`an error in JavaScript is not taken for Ruby: ${tag}`, async () => {
    const { message } = await assertRejects(() => plain(tag), TemplateError);
    assertEquals(RUBY.test(message), false, message);
  });
}

Deno.test("without a daemon a template with binds gives one warning", async () => {
  const warnings: string[] = [];
  const options = { env: {}, warn: (line: string) => warnings.push(line) };
  using _without = await render("nothing", options);
  assertEquals(warnings, []);
  using _with = await render(
    "<%= bind_tcp('::', 1) %><%= bind_tcp('::', 2) %>",
    options,
  );
  assertEquals(warnings.length, 1);
  assertMatch(warnings[0]!, /MULTIBINDER_SOCK is not set/);
});

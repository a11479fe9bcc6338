/**
 * The daemon of this tree as a service of a machine's systemd.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { bind, connect } from "../../../client.ts";
import type { Status } from "../../../protocol.ts";
import { socketOf, tcpAddress } from "../binds/listening_socket.ts";
import { daemonCommand } from "../daemon.ts";
import { eventually, PATIENCE } from "../eventually.ts";
import { treePath } from "../tree.ts";
import { denoEnvironment, execStart, Machine } from "./machine.ts";

/** The text of a unit in which root runs the daemon of this tree or another file. */
export function serviceUnit(sock: string, script?: string): string {
  const command = daemonCommand(sock)
    .map((word) => word === treePath("server.ts") ? script ?? word : word);
  return `
[Unit]
StartLimitIntervalSec=0

[Service]
Type=notify
${execStart(command)}
${denoEnvironment()}
ExecReload=/bin/kill -USR1 $MAINPID
Restart=always
RestartSec=100ms
FileDescriptorStoreMax=512
`;
}

/** A machine with that service. `await using` stops both. */
export class Service implements AsyncDisposable {
  private constructor(
    /** The machine of the service. */
    readonly machine: Machine,
    /** The name of its unit. */
    readonly unit: string,
    /** The outside path of the control socket. */
    readonly sock: string,
  ) {}

  /** Boots a machine with the service, which is not started. */
  static async prepare(): Promise<Service> {
    const machine = await Machine.start();
    const service = Service.in(machine, `${machine.shared}/control.sock`);
    await machine.install({ [service.unit]: serviceUnit(service.sock) });
    return service;
  }

  /** Boots a machine and starts the service. */
  static async start(): Promise<Service> {
    const service = await Service.prepare();
    await service.systemctl("start");
    return service;
  }

  /** The service of a machine that already has its unit. */
  static in(machine: Machine, sock: string): Service {
    return new Service(machine, "multibinder.service", sock);
  }

  /** Runs `systemctl VERB` on the service, which must succeed. */
  async systemctl(verb: string): Promise<void> {
    const { code, errors } = await this.machine.systemctl(verb, this.unit);
    const written = errors + await this.machine.journal(this.unit);
    assertEquals(code, 0, `systemctl ${verb}: ${written}`);
  }

  /** A property of the unit. */
  async property(name: string): Promise<string> {
    return await this.machine.property(this.unit, name);
  }

  /** Waits until a property is `value`. */
  async becomes(name: string, value: string): Promise<void> {
    let found = "";
    await eventually(
      () => `${name} of ${this.unit} is ${value}, not ${found}`,
      async () => (found = await this.property(name)) === value,
    );
  }

  /** The status of the daemon, once it answers. */
  async status(): Promise<Status> {
    using session = await connect({ sock: this.sock, timeout: PATIENCE });
    return await session.status();
  }

  /** Binds port 0 of 127.0.0.1 and closes its copy: the port and the socket. */
  async held(): Promise<{ port: number; socket: string }> {
    const { sock } = this;
    using web = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    return { port: tcpAddress(web).port, socket: socketOf(web) };
  }

  /** Waits for a generation. */
  async generation(number: number): Promise<void> {
    let status: Status | undefined;
    await eventually(
      () => `generation ${number}: ${JSON.stringify(status)}`,
      async () => (status = await this.status()).generation === number,
    );
  }

  /** Kills the daemon with SIGKILL; systemd starts the next one. */
  async kill(): Promise<void> {
    await this.machine.kill(this.unit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
  }
}

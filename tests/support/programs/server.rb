# A multibinder server in plain Ruby: on the wire it behaves as the server of the Ruby gem does.
#
# Usage: ruby server.rb SOCK
#
# What makes it that server, and what a client must live with:
#   - one client at a time: the next is accepted when the one before has closed;
#   - one message is one request: a request in pieces, or two in one message, is a JSON error, and
#     any such error closes the connection with no answer;
#   - no newline after an answer;
#   - TCP over IPv4 only, a bind known by the text of its address and port, an unknown key ignored;
#   - an error answer to another method has no "jsonrpc" and no "id", one to a failed bind has a
#     "backtrace" inside "error";
#   - a path that exists is removed, whoever listens there;
#   - sockets are as Ruby makes them: non-blocking since Ruby 3.0.
# It does not re-execute itself: SIGUSR1 ends it.

require "json"
require "socket"

abort "usage: server.rb SOCK" unless ARGV.length == 1

# Hands out listening sockets over one control socket.
class Server
  def initialize(path)
    @path = path
    @sockets = {}
  end

  def run
    remove_existing
    UNIXServer.open(@path) do |control|
      puts "Listening for binds on control socket: #{@path}"
      $stdout.flush
      loop { attend(control.accept) }
    end
  ensure
    File.unlink(@path) if File.socket?(@path)
  end

  private

  def remove_existing
    File.unlink(@path)
    puts "Removed existing control socket: #{@path}"
  rescue Errno::ENOENT
    nil
  end

  def attend(connection)
    loop do
      message, = connection.recvmsg
      break if message.nil? || message.empty?
      answer(connection, JSON.parse(message))
    end
  rescue StandardError => e
    puts e, e.backtrace
  ensure
    connection.close
  end

  def answer(connection, request)
    puts "Request: #{request}"
    unless request["method"] == "bind"
      connection.sendmsg(JSON.dump(error: { code: -32601, message: "Method not found" }), 0, nil)
      return
    end
    wanted = request["params"][0]
    head = { jsonrpc: "2.0", id: request["id"] }
    begin
      rights = Socket::AncillaryData.unix_rights(socket_for(wanted))
    rescue StandardError => e
      error = { code: 10000, message: "Could not bind: #{e.message}", backtrace: e.backtrace }
      connection.sendmsg(JSON.dump(head.merge(error: error)), 0, nil)
    else
      connection.sendmsg(JSON.dump(head.merge(result: true)), 0, nil, rights)
    end
  end

  def socket_for(wanted)
    name = "#{wanted["address"].to_str} #{wanted["port"]}"
    @sockets[name] ||= listening_socket(wanted)
  end

  def listening_socket(wanted)
    socket = Socket.new(:INET, :STREAM, 0)
    socket.setsockopt(:SOCKET, :REUSEADDR, true)
    socket.close_on_exec = false
    socket.bind(Addrinfo.tcp(wanted["address"], wanted["port"]))
    socket.listen(wanted["backlog"] || 1000)
    socket
  rescue StandardError
    socket&.close
    raise
  end
end

# Ended from outside, it leaves quietly; the path is removed on the way out.
%w[TERM INT].each { |name| Signal.trap(name) { exit } }
Server.new(ARGV[0]).run

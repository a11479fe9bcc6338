# A multibinder client in plain Ruby: it speaks as the client of the Ruby gem does.
#
# Usage: ruby client.rb SOCK ADDRESS PORT [--backlog N] [--no-id] [--pieces] [--pipeline N] [--timeout S]
#
#   --backlog N   merges {"backlog": N} into the parameters
#   --no-id       sends no id, as the gem did before it learnt to
#   --pieces      sends the request one byte at a time
#   --pipeline N  sends N requests in one write and waits for N answers and N descriptors
#   --timeout S   gives up after S seconds without an answer (10)
#
# As in the gem: a fresh connection, no newline after the request, an answer taken with recvmsg.
# Prints one JSON line: {"result", "id_matches", "local", "listening", "blocking", "answers",
# "descriptors", "newline" (whether the last answer ended in one)}; "local" is of the first socket, the
# other members speak of all. Exit codes: 0 bound, 1 an error answer (the line is that answer) or none
# (the line is {"closed": true} or {"timeout": true}), 2 wrong usage.

require "fcntl"
require "json"
require "optparse"
require "securerandom"
require "socket"

USAGE = "usage: client.rb SOCK ADDRESS PORT [--backlog N] [--no-id] [--pieces] [--pipeline N] [--timeout S]"

# Splits JSON objects that follow each other, whether or not a newline parts them: the Ruby
# server sends none, and the kernel may join an error answer to the answer behind it.
class Answers
  def initialize
    @pending = +""
  end

  # Takes the bytes of one message and returns the texts of the objects that are now complete.
  def add(bytes)
    complete = []
    @pending << bytes
    while (length = object_length)
      complete << @pending.slice!(0, length)
    end
    complete
  end

  # True when a newline, and nothing else, is left behind the last object.
  def newline?
    @pending == "\n"
  end

  private

  def object_length
    depth = 0
    in_string = false
    escaped = false
    @pending.each_char.with_index(1) do |char, length|
      if escaped then escaped = false
      elsif in_string
        escaped = char == "\\"
        in_string = false if char == '"'
      elsif char == '"' then in_string = true
      elsif char == "{" || char == "[" then depth += 1
      elsif char == "}" || char == "]"
        depth -= 1
        return length if depth.zero?
      end
    end
    nil
  end
end

def finish(status, line)
  puts JSON.generate(line)
  exit status
end

options = { id: true, pieces: false, pipeline: 1, timeout: 10.0 }
begin
  OptionParser.new do |parser|
    parser.on("--backlog N", Integer) { |value| options[:backlog] = value }
    parser.on("--no-id") { options[:id] = false }
    parser.on("--pieces") { options[:pieces] = true }
    parser.on("--pipeline N", Integer) { |value| options[:pipeline] = value }
    parser.on("--timeout S", Float) { |value| options[:timeout] = value }
  end.parse!(ARGV)
  raise OptionParser::MissingArgument, "SOCK ADDRESS PORT" unless ARGV.length == 3
  path, address, port_text = ARGV
  port = Integer(port_text)
rescue OptionParser::ParseError, ArgumentError => e
  warn e.message, USAGE
  exit 2
end

requests = Array.new(options[:pipeline]) do
  params = { address: address, port: port }
  params[:backlog] = options[:backlog] if options[:backlog]
  request = { jsonrpc: "2.0", method: "bind" }
  request[:id] = SecureRandom.uuid if options[:id]
  request.merge(params: [params])
end
text = requests.map { |request| JSON.dump(request) }.join

connection = UNIXSocket.open(path)
begin
  if options[:pieces]
    text.each_byte do |byte|
      connection.sendmsg(byte.chr, 0, nil)
      sleep 0.0002 # Lets the server wake, so that the bytes do arrive apart.
    end
  else
    connection.sendmsg(text, 0, nil)
  end
rescue Errno::EPIPE
  nil # The server has closed; what it answered before that can still be read.
end

splitter = Answers.new
answers = []
sockets = []
while answers.length < requests.length
  unless IO.select([connection], nil, nil, options[:timeout])
    finish 1, { timeout: true, answers: answers.length }
  end
  begin
    message, _, _, *controls = connection.recvmsg(scm_rights: true)
  rescue Errno::ECONNRESET
    message = nil
  end
  finish 1, { closed: true, answers: answers.length } if message.nil? || message.empty?
  controls.each { |control| sockets.concat(control.unix_rights) if control.cmsg_is?(:SOCKET, :RIGHTS) }
  splitter.add(message).each { |complete| answers << JSON.parse(complete) }
end
connection.close

refused = answers.find { |answer| answer["error"] }
finish 1, refused if refused
unless sockets.length == requests.length
  finish 1, { error: { message: "#{sockets.length} descriptors for #{requests.length} requests" } }
end

# The gem leaves close-on-exec off, so that the socket survives into the program it execs.
socket = sockets.first
socket.fcntl(Fcntl::F_SETFD, socket.fcntl(Fcntl::F_GETFD) & ~Fcntl::FD_CLOEXEC)

finish 0, {
  result: answers.all? { |answer| answer["result"] == true },
  id_matches: answers.map { |answer| answer["id"] } == requests.map { |request| request[:id] },
  local: [socket.local_address.ip_address, socket.local_address.ip_port],
  listening: sockets.all? { |each| each.getsockopt(:SOCKET, :ACCEPTCONN).bool },
  blocking: sockets.all? { |each| (each.fcntl(Fcntl::F_GETFL) & File::NONBLOCK).zero? },
  answers: answers.length,
  descriptors: sockets.length,
  newline: splitter.newline?,
}

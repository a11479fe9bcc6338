/*
 * floor: the least that a multibinder server can do, as the floor of the benchmark.
 *
 * usage: floor SOCK
 *
 * Opens one TCP socket on 127.0.0.1 at the start and answers every JSON object on the control socket
 * with {"jsonrpc":"2.0","id":...,"result":true} and that descriptor. It has no table of binds, no checks
 * and no log. It does what no server can avoid: accept4, recv, sendmsg, close, and a scan of the request
 * for its end and its id. One thread, level-triggered epoll, any number of clients. A client can be
 * persistent, and can send a request in pieces or several at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
  /* As in the daemon. A client that sends a longer request is disconnected. */
  MAX_REQUEST_BYTES = 64 * 1024,
  /* A client that sends a longer id is disconnected. */
  MAX_ID_BYTES = 256,
  EVENTS_PER_WAIT = 256,
};

/* A client, and the bytes of an incomplete request. */
struct client {
  int fd;
  char *held;
  size_t held_bytes;
};

/* A part of the text of a request. */
struct span {
  const char *text;
  size_t bytes;
};

static void die(const char *what) {
  perror(what);
  exit(1);
}

/*
 * Returns the length of the first object in text, or 0 if it is incomplete. *id is the text of its id,
 * or "null" if it has none. An "id" inside a nested object does not count.
 */
static size_t first_object(const char *text, size_t bytes, struct span *id) {
  int depth = 0;
  bool in_string = false, awaits_value = false;
  const char *string = NULL, *value = NULL;
  *id = (struct span){"null", 4};

  for (size_t i = 0; i < bytes; i++) {
    const char *at = text + i;
    if (in_string) {
      if (*at == '\\') {
        i++;
      } else if (*at == '"') {
        in_string = false;
        awaits_value = depth == 1 && value == NULL && at - string == 3 && memcmp(string, "\"id", 3) == 0;
      }
      continue;
    }
    switch (*at) {
    case '"':
      in_string = true;
      string = at;
      break;
    case ':':
      if (awaits_value)
        value = at + 1;
      awaits_value = false;
      break;
    case ',':
    case '}':
    case ']':
      if (value != NULL && depth == 1) {
        *id = (struct span){value, (size_t)(at - value)};
        value = NULL;
      }
      if (*at != ',' && --depth <= 0)
        return i + 1;
      break;
    case '{':
    case '[':
      depth++;
      break;
    }
  }
  return 0;
}

/* Sends the answer and the descriptor in one message. False if that fails. */
static bool answer(int fd, struct span id, int passed) {
  char text[MAX_ID_BYTES + 64];
  if (id.bytes > MAX_ID_BYTES)
    return false;
  int bytes = snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":true}\n", (int)id.bytes, id.text);
  if (bytes < 0 || (size_t)bytes >= sizeof text)
    return false;

  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {.iov_base = text, .iov_len = (size_t)bytes};
  struct msghdr message = {
      .msg_iov = &part,
      .msg_iovlen = 1,
      .msg_control = control.bytes,
      .msg_controllen = sizeof control.bytes,
  };
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(rights), &passed, sizeof passed);

  ssize_t sent;
  do {
    sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == bytes;
}

/* Reads once and answers every complete object. False if the client has to be closed. */
static bool serve_client(struct client *client, int passed) {
  static char buffer[MAX_REQUEST_BYTES];
  if (client->held_bytes > 0)
    memcpy(buffer, client->held, client->held_bytes);
  if (client->held_bytes == sizeof buffer)
    return false;

  ssize_t received = recv(client->fd, buffer + client->held_bytes, sizeof buffer - client->held_bytes, 0);
  if (received < 0)
    return errno == EAGAIN || errno == EINTR;
  if (received == 0)
    return false;

  const char *rest = buffer;
  size_t rest_bytes = client->held_bytes + (size_t)received;
  struct span id;
  for (size_t used; (used = first_object(rest, rest_bytes, &id)) > 0;) {
    if (!answer(client->fd, id, passed))
      return false;
    rest += used;
    rest_bytes -= used;
  }
  if (rest_bytes > 0) {
    char *held = realloc(client->held, rest_bytes);
    if (held == NULL)
      return false;
    memcpy(held, rest, rest_bytes);
    client->held = held;
  }
  client->held_bytes = rest_bytes;
  return true;
}

/* Accepts one client. Level-triggered epoll reports the next one at the next wait. */
static void accept_client(int poller, int control) {
  int fd = accept4(control, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
      return;
    die("accept4");
  }
  struct client *client = malloc(sizeof *client);
  if (client == NULL)
    die("malloc");
  *client = (struct client){.fd = fd};
  struct epoll_event interest = {.events = EPOLLIN, .data.ptr = client};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &interest) < 0)
    die("epoll_ctl");
}

static void close_client(struct client *client) {
  if (close(client->fd) < 0)
    die("close");
  free(client->held);
  free(client);
}

static int listening_tcp_socket(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    die("socket");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
    die("bind");
  if (listen(fd, 1000) < 0)
    die("listen");
  return fd;
}

static int listening_control_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    fprintf(stderr, "floor: path too long: %s\n", path);
    exit(1);
  }
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    die("socket");
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
    die(path);
  if (listen(fd, SOMAXCONN) < 0)
    die("listen");
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: floor SOCK\n");
    return 2;
  }
  int passed = listening_tcp_socket();
  int control = listening_control_socket(argv[1]);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0)
    die("epoll_create1");
  struct epoll_event interest = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, control, &interest) < 0)
    die("epoll_ctl");
  if (printf("Listening for binds on control socket: %s\n", argv[1]) < 0 || fflush(stdout) != 0)
    die("stdout");

  for (;;) {
    struct epoll_event events[EVENTS_PER_WAIT];
    int ready = epoll_wait(poller, events, EVENTS_PER_WAIT, -1);
    if (ready < 0) {
      if (errno == EINTR)
        continue;
      die("epoll_wait");
    }
    for (int i = 0; i < ready; i++) {
      struct client *client = events[i].data.ptr;
      if (client == NULL)
        accept_client(poller, control);
      else if (!serve_client(client, passed))
        close_client(client);
    }
  }
}

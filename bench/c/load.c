/*
 * load: clients that bind through a control socket as fast as the server answers.
 *
 * usage: load SOCK [--clients N] [--seconds S] [--persistent]
 *
 * Each client connects, sends one bind request, receives the answer with its descriptor, closes the
 * descriptor and the connection, and starts again. With --persistent it keeps the connection. An answer
 * counts only if it is one whole message that carries the id of the request, "result": true and exactly
 * one descriptor. Anything else is an error, and the client continues with a new connection.
 *
 * A single client is a blocking loop. More clients share epoll loops: one for each core except the
 * server's (at least one). With a blocking thread for each client, or with a loop on the server's core,
 * the figures would show the scheduler.
 *
 * When the time is over, each client finishes its current bind. A bind that is not answered GRACE_NS
 * later is an error. Prints one JSON line. Times are in microseconds, from before the connect
 * (persistent: before the send) until the answer is received. Exit codes: 0 measured (see "errors"),
 * 1 failed, 2 usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_CLIENTS = 4096,
  EVENTS_PER_WAIT = 256,
  /* One bucket for each microsecond. The last one also counts everything that takes longer. */
  BUCKETS = 5 * 1000 * 1000,
  /* More than one, so that a surplus descriptor is received, counted and closed. */
  MAX_DESCRIPTORS = 8,
};

#define SECOND_NS 1000000000LL
#define GRACE_NS SECOND_NS
/* The pause of a client after an error: without it, a missing server gives millions of errors. */
#define PAUSE_NS 1000000LL

/* The same for every client. */
static struct {
  struct sockaddr_un server;
  int clients;
  double seconds;
  bool persistent;
  int64_t end_ns;
} run = {.clients = 1, .seconds = 1};

/* The results of one thread. */
struct tally {
  uint32_t *buckets;
  uint64_t binds;
  uint64_t errors;
  const char *first_error;
  int first_errno;
};

/* A client. Its fd is -1 while it has no connection. */
struct client {
  int fd;
  int64_t began_ns;
  /* The client pauses until this time; -1 while a request is under way. */
  int64_t paused_until_ns;
  uint64_t binds;
  char id[32];
};

/* A thread with its share of the clients. */
struct loop {
  pthread_t thread;
  struct tally tally;
  struct client *clients;
  int client_count;
};

static void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
    die("clock_gettime");
  return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void count_bind(struct tally *tally, int64_t took_ns) {
  int64_t took_us = took_ns / 1000;
  tally->buckets[took_us < BUCKETS ? took_us : BUCKETS - 1]++;
  tally->binds++;
}

static void disconnect(struct client *client) {
  if (client->fd >= 0 && close(client->fd) < 0)
    die("close");
  client->fd = -1;
}

/* Counts a failed bind. The client starts again with a new connection after a pause. */
static void fail(struct client *client, struct tally *tally, const char *what, int error) {
  if (tally->errors++ == 0) {
    tally->first_error = what;
    tally->first_errno = error;
  }
  disconnect(client);
  client->paused_until_ns = now_ns() + PAUSE_NS;
}

/* Connects unless connected. False with errno on failure. flags are those of socket(2). */
static bool ensure_connected(struct client *client, int flags) {
  if (client->fd >= 0)
    return true;
  client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (client->fd < 0)
    return false;
  if (connect(client->fd, (struct sockaddr *)&run.server, sizeof run.server) == 0)
    return true;
  int error = errno;
  disconnect(client);
  errno = error;
  return false;
}

/* Sends one request, without a newline, as the Ruby client does. False with errno on failure. */
static bool send_request(struct client *client, int number) {
  if (snprintf(client->id, sizeof client->id, "\"%d-%llu\"", number, (unsigned long long)client->binds) < 0)
    return false;
  char text[256];
  int bytes = snprintf(text, sizeof text,
                       "{\"jsonrpc\":\"2.0\",\"method\":\"bind\",\"id\":%s,"
                       "\"params\":[{\"address\":\"127.0.0.1\",\"port\":0}]}",
                       client->id);
  if (bytes < 0 || (size_t)bytes >= sizeof text) {
    errno = EMSGSIZE;
    return false;
  }
  return send(client->fd, text, (size_t)bytes, MSG_NOSIGNAL) == bytes;
}

/* True if text has the key "result" with the value true, with or without spaces between. */
static bool has_true_result(const char *text) {
  const char *at = strstr(text, "\"result\"");
  if (at == NULL)
    return false;
  at += strlen("\"result\"");
  at += strspn(at, " ");
  if (*at++ != ':')
    return false;
  at += strspn(at, " ");
  return strncmp(at, "true", 4) == 0;
}

/* Closes every descriptor of the message and returns how many there were. */
static int close_received(struct msghdr *message) {
  int count = 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
      continue;
    size_t bytes = part->cmsg_len - CMSG_LEN(0);
    for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + at, sizeof fd);
      if (close(fd) < 0)
        die("close of a received descriptor");
      count++;
    }
  }
  return count;
}

/*
 * Receives the answer and counts it as a bind or an error. False if it has not arrived (errno EAGAIN or
 * EINTR). The measured time ends when the message is received, before anything is closed.
 */
static bool receive_answer(struct client *client, struct tally *tally) {
  char text[1024];
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
  } control;
  struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
  struct msghdr message = {
      .msg_iov = &part,
      .msg_iovlen = 1,
      .msg_control = control.bytes,
      .msg_controllen = sizeof control.bytes,
  };
  ssize_t bytes = recvmsg(client->fd, &message, MSG_CMSG_CLOEXEC);
  if (bytes < 0) {
    if (errno == EAGAIN || errno == EINTR)
      return false;
    fail(client, tally, "recvmsg", errno);
    return true;
  }
  int64_t took_ns = now_ns() - client->began_ns;
  text[bytes] = '\0';
  int descriptors = close_received(&message);

  if (bytes == 0)
    fail(client, tally, "the server closed the connection", 0);
  else if (message.msg_flags & MSG_CTRUNC)
    fail(client, tally, "too many descriptors", 0);
  else if (!has_true_result(text) || strstr(text, client->id) == NULL)
    fail(client, tally, "the answer is not a success", 0);
  else if (descriptors != 1)
    fail(client, tally, "not exactly one descriptor", 0);
  else {
    count_bind(tally, took_ns);
    client->binds++;
    if (!run.persistent)
      disconnect(client);
  }
  return true;
}

static void on_alarm(int signal) { (void)signal; }

/* Interrupts a blocking call when the time and the grace are over, and every 100 ms after that. */
static void interrupt_at_end(void) {
  struct sigaction action = {.sa_handler = on_alarm};
  if (sigaction(SIGALRM, &action, NULL) < 0)
    die("sigaction");
  int64_t wait_us = (run.end_ns + GRACE_NS - now_ns()) / 1000;
  struct itimerval timer = {
      .it_value = {.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000},
      .it_interval = {.tv_usec = 100000},
  };
  if (setitimer(ITIMER_REAL, &timer, NULL) < 0)
    die("setitimer");
}

/* A single client, blocking. */
static void run_single(struct loop *loop) {
  struct client *client = loop->clients;
  struct tally *tally = &loop->tally;
  interrupt_at_end();
  while ((client->began_ns = now_ns()) < run.end_ns) {
    if (client->began_ns < client->paused_until_ns) {
      if (usleep(PAUSE_NS / 1000) < 0 && errno != EINTR)
        die("usleep");
      continue;
    }
    if (!ensure_connected(client, 0)) {
      fail(client, tally, "connect", errno);
      continue;
    }
    if (!send_request(client, 0)) {
      fail(client, tally, "send", errno);
      continue;
    }
    while (!receive_answer(client, tally))
      if (now_ns() >= run.end_ns + GRACE_NS) {
        fail(client, tally, "no answer in time", 0);
        break;
      }
  }
}

/* Starts the next bind of a client. False if the client has to pause first. */
static bool start_bind(struct client *client, int number, int poller, struct tally *tally) {
  bool is_new = client->fd < 0;
  client->began_ns = now_ns();
  if (!ensure_connected(client, SOCK_NONBLOCK)) {
    if (errno == EAGAIN) /* The server's backlog is full. This is not an error. */
      client->paused_until_ns = client->began_ns + PAUSE_NS;
    else
      fail(client, tally, "connect", errno);
    return false;
  }
  if (!send_request(client, number)) {
    fail(client, tally, "send", errno);
    return false;
  }
  if (is_new) {
    struct epoll_event interest = {.events = EPOLLIN, .data.u32 = (uint32_t)number};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &interest) < 0)
      die("epoll_ctl");
  }
  client->paused_until_ns = -1;
  return true;
}

/* Starts the clients whose pause is over. Returns how many. */
static int start_paused(struct loop *loop, int poller) {
  int started = 0;
  int64_t now = now_ns();
  for (int i = 0; i < loop->client_count; i++) {
    struct client *client = &loop->clients[i];
    if (client->paused_until_ns >= 0 && client->paused_until_ns <= now)
      started += start_bind(client, i, poller, &loop->tally);
  }
  return started;
}

/*
 * Many clients in one epoll loop. connect(2) and send(2) on a UNIX socket complete at once, so a client
 * waits only for its answer.
 */
static void *run_loop(void *argument) {
  struct loop *loop = argument;
  struct tally *tally = &loop->tally;
  int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0)
    die("epoll_create1");

  int under_way = 0;
  for (;;) {
    int64_t now = now_ns();
    bool is_over = now >= run.end_ns;
    if (is_over && (under_way == 0 || now >= run.end_ns + GRACE_NS))
      break;
    bool has_paused = under_way < loop->client_count && !is_over;
    if (has_paused)
      under_way += start_paused(loop, poller);

    struct epoll_event events[EVENTS_PER_WAIT];
    int ready = epoll_wait(poller, events, EVENTS_PER_WAIT, has_paused ? 1 : 50);
    if (ready < 0 && errno != EINTR)
      die("epoll_wait");
    for (int i = 0; i < ready; i++) {
      int number = (int)events[i].data.u32;
      struct client *client = &loop->clients[number];
      if (!receive_answer(client, tally))
        continue;
      bool has_failed = client->paused_until_ns >= 0;
      if (has_failed || now_ns() >= run.end_ns || !start_bind(client, number, poller, tally))
        under_way--;
    }
  }
  for (int i = 0; i < loop->client_count; i++)
    disconnect(&loop->clients[i]);
  if (under_way > 0 && tally->errors == 0)
    tally->first_error = "no answer in time";
  tally->errors += (uint64_t)under_way;
  if (close(poller) < 0)
    die("close");
  return NULL;
}

static void open_tally(struct tally *tally) {
  tally->buckets = calloc(BUCKETS, sizeof *tally->buckets);
  if (tally->buckets == NULL)
    die("calloc");
}

static void add_tally(struct tally *sum, const struct tally *tally) {
  for (int i = 0; i < BUCKETS; i++)
    sum->buckets[i] += tally->buckets[i];
  sum->binds += tally->binds;
  if (sum->errors == 0) {
    sum->first_error = tally->first_error;
    sum->first_errno = tally->first_errno;
  }
  sum->errors += tally->errors;
}

/* The time that the given share of the binds did not exceed (nearest rank). */
static int percentile_us(const struct tally *tally, double share) {
  uint64_t rank = (uint64_t)(share * (double)tally->binds + 0.999999);
  uint64_t seen = 0;
  for (int i = 0; i < BUCKETS; i++) {
    seen += tally->buckets[i];
    if (seen >= rank && seen > 0)
      return i;
  }
  return 0;
}

static void report(const struct tally *sum, double seconds) {
  char error[160] = "null";
  if (sum->first_error != NULL &&
      snprintf(error, sizeof error, "\"%s%s%s\"", sum->first_error, sum->first_errno != 0 ? ": " : "",
               sum->first_errno != 0 ? strerror(sum->first_errno) : "") < 0)
    die("snprintf");
  if (printf("{\"binds_per_second\":%.1f,\"p50_us\":%d,\"p99_us\":%d,\"errors\":%llu,\"first_error\":%s}\n",
             (double)sum->binds / seconds, percentile_us(sum, 0.5), percentile_us(sum, 0.99),
             (unsigned long long)sum->errors, error) < 0 ||
      fflush(stdout) != 0)
    die("stdout");
}

static void usage(void) {
  fprintf(stderr, "usage: load SOCK [--clients N] [--seconds S] [--persistent]\n");
  exit(2);
}

static double number_between(const char *text, double min, double max) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= min && value <= max))
    usage();
  return value;
}

static void read_arguments(int argc, char **argv) {
  static const struct option options[] = {
      {"clients", required_argument, NULL, 'c'},
      {"seconds", required_argument, NULL, 's'},
      {"persistent", no_argument, NULL, 'p'},
      {NULL, 0, NULL, 0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
    case 'c': run.clients = (int)number_between(optarg, 1, MAX_CLIENTS); break;
    case 's': run.seconds = number_between(optarg, 0.01, 3600); break;
    case 'p': run.persistent = true; break;
    default: usage();
    }
  }
  if (optind != argc - 1 || strlen(argv[optind]) >= sizeof run.server.sun_path)
    usage();
  run.server.sun_family = AF_UNIX;
  strcpy(run.server.sun_path, argv[optind]);
}

static int thread_count(void) {
  int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
  int threads = cores > 2 ? cores - 1 : 1;
  return threads < run.clients ? threads : run.clients;
}

int main(int argc, char **argv) {
  read_arguments(argc, argv);
  int threads = thread_count();
  struct client *clients = calloc((size_t)run.clients, sizeof *clients);
  struct loop *loops = calloc((size_t)threads, sizeof *loops);
  if (clients == NULL || loops == NULL)
    die("calloc");
  for (int i = 0; i < run.clients; i++)
    clients[i].fd = -1;
  for (int i = 0; i < threads; i++) {
    int first = run.clients * i / threads;
    loops[i].clients = clients + first;
    loops[i].client_count = run.clients * (i + 1) / threads - first;
    open_tally(&loops[i].tally);
  }

  int64_t began_ns = now_ns();
  run.end_ns = began_ns + (int64_t)(run.seconds * SECOND_NS);
  if (run.clients == 1) {
    run_single(&loops[0]);
  } else {
    for (int i = 0; i < threads; i++)
      if ((errno = pthread_create(&loops[i].thread, NULL, run_loop, &loops[i])) != 0)
        die("pthread_create");
    for (int i = 0; i < threads; i++)
      if ((errno = pthread_join(loops[i].thread, NULL)) != 0)
        die("pthread_join");
  }
  double took = (double)(now_ns() - began_ns) / SECOND_NS;

  struct tally sum = {0};
  open_tally(&sum);
  for (int i = 0; i < threads; i++)
    add_tally(&sum, &loops[i].tally);
  report(&sum, took);
  return 0;
}

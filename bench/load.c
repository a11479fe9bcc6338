/*
 * load: clients that bind through a control socket as fast as they are answered.
 *
 * usage: load SOCK [--clients N] [--seconds S] [--persistent] [--threads T] [--address A] [--port P]
 *
 * Each client connects, sends one bind request, receives the answer with its descriptor, closes the
 * descriptor and the connection, and starts again; with --persistent it keeps the connection. An
 * answer counts only if it is one whole message that carries the id of the request, "result": true
 * and exactly one descriptor; anything else is an error, and the client goes on with a new connection.
 *
 * One client is a plain blocking loop: nothing but the calls a client cannot do without, so that the
 * time it sees is the server's and the kernel's. More clients share epoll loops, by default one per
 * core but the one left to the server (at least one): thirty-two blocking threads on a few cores would
 * measure the scheduler, and a loop on the server's core would take from the server what it measures.
 *
 * Bounded: when the time is over each client finishes the bind under way, and one that is still
 * unanswered GRACE_NS later is an error. Prints one JSON line; times are whole microseconds, from
 * before the connect (persistent: before the send) until the answer is there. Exit codes: 0 measured
 * (look at "errors"), 1 could not measure, 2 wrong usage.
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
  MOST_CLIENTS = 4096,
  EVENTS_PER_WAIT = 256,
  /* One bucket per microsecond; what takes longer is counted in the last and known by the maximum. */
  BUCKETS = 5 * 1000 * 1000,
  /* Room for more descriptors than one, so that a surplus is seen and closed rather than cut off. */
  MOST_DESCRIPTORS = 8,
};

#define SECOND_NS 1000000000LL
#define GRACE_NS SECOND_NS
/* How long a client rests after an error, so that a missing server is not measured as millions. */
#define REST_NS 1000000LL

/* What every client of the run has in common. */
static struct {
  struct sockaddr_un server;
  const char *address;
  int port;
  bool persistent;
  int64_t end_ns;
} run;

/* What one thread has seen. */
struct tally {
  uint32_t *buckets;
  uint64_t binds;
  uint64_t errors;
  int64_t longest_us;
  const char *first_error;
  int first_errno;
};

/* One client: it has no connection (fd -1), or one with a request under way. */
struct client {
  int fd;
  int64_t began_ns;
  /* Not before this time is it started again. */
  int64_t rests_until_ns;
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
  if (took_us > tally->longest_us)
    tally->longest_us = took_us;
}

static void disconnect(struct client *client) {
  if (client->fd >= 0 && close(client->fd) < 0)
    die("close");
  client->fd = -1;
}

/* Notes a failed bind; the client starts again with a new connection after a rest. */
static void fail(struct client *client, struct tally *tally, const char *what, int error) {
  if (tally->errors++ == 0) {
    tally->first_error = what;
    tally->first_errno = error;
  }
  disconnect(client);
  client->rests_until_ns = now_ns() + REST_NS;
}

/* Connects unless connected. False with errno on failure; flags are those of socket(2). */
static bool connected(struct client *client, int flags) {
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
  char text[512];
  int bytes = snprintf(text, sizeof text,
                       "{\"jsonrpc\":\"2.0\",\"method\":\"bind\",\"id\":%s,"
                       "\"params\":[{\"address\":\"%s\",\"port\":%d}]}",
                       client->id, run.address, run.port);
  if (bytes < 0 || (size_t)bytes >= sizeof text) {
    errno = EMSGSIZE;
    return false;
  }
  return send(client->fd, text, (size_t)bytes, MSG_NOSIGNAL) == bytes;
}

/* True if text holds the key "result" with the value true, whatever space is between. */
static bool says_true(const char *text) {
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

/* Closes every descriptor that came with the message and returns how many there were. */
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
 * Takes the answer and counts it, as a bind or an error. False if it is not there yet (errno EAGAIN
 * or EINTR). The time ends when the message is there, before anything is closed.
 */
static bool receive_answer(struct client *client, struct tally *tally) {
  char text[2048];
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
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
    fail(client, tally, "the server closed", 0);
  else if (message.msg_flags & MSG_CTRUNC)
    fail(client, tally, "too many descriptors", 0);
  else if (!says_true(text) || strstr(text, client->id) == NULL)
    fail(client, tally, "an answer that is no success", 0);
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

/* Interrupts a blocking call when the time and the grace are over, and again until it has noticed. */
static void interrupt_when_over(void) {
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

/* The one client, blocking. */
static void run_alone(struct loop *loop) {
  struct client *client = loop->clients;
  struct tally *tally = &loop->tally;
  interrupt_when_over();
  while ((client->began_ns = now_ns()) < run.end_ns) {
    if (client->began_ns < client->rests_until_ns) {
      if (usleep(REST_NS / 1000) < 0 && errno != EINTR)
        die("usleep");
      continue;
    }
    if (!connected(client, 0)) {
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

/* Starts the next bind of a client. False if it has to be tried again later: it rests. */
static bool start_bind(struct client *client, int number, int poller, struct tally *tally) {
  bool is_new = client->fd < 0;
  client->began_ns = now_ns();
  if (!connected(client, SOCK_NONBLOCK)) {
    if (errno == EAGAIN) /* The server's backlog is full: no error, but a wait. */
      client->rests_until_ns = client->began_ns + REST_NS;
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
  return true;
}

/*
 * Many clients in one epoll loop. A connect and a send on a UNIX socket are done at once, so the only
 * thing a client ever waits for is its answer.
 */
static void *run_loop(void *argument) {
  struct loop *loop = argument;
  struct tally *tally = &loop->tally;
  int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0)
    die("epoll_create1");

  int under_way = 0;
  int resting = loop->client_count;
  for (;;) {
    int64_t now = now_ns();
    bool is_over = now >= run.end_ns;
    if (is_over && (under_way == 0 || now >= run.end_ns + GRACE_NS))
      break;
    if (resting > 0 && !is_over)
      for (int i = 0; i < loop->client_count; i++) {
        struct client *client = &loop->clients[i];
        if (client->rests_until_ns < 0 || client->rests_until_ns > now)
          continue;
        client->rests_until_ns = -1;
        if (start_bind(client, i, poller, tally)) {
          under_way++;
          resting--;
        }
      }

    struct epoll_event events[EVENTS_PER_WAIT];
    int ready = epoll_wait(poller, events, EVENTS_PER_WAIT, resting > 0 && !is_over ? 1 : 50);
    if (ready < 0 && errno != EINTR)
      die("epoll_wait");
    for (int i = 0; i < ready; i++) {
      int number = (int)events[i].data.u32;
      struct client *client = &loop->clients[number];
      if (!receive_answer(client, tally))
        continue;
      under_way--;
      if (client->rests_until_ns >= 0) {
        resting++;
        continue;
      }
      if (now_ns() >= run.end_ns)
        continue;
      if (start_bind(client, number, poller, tally))
        under_way++;
      else
        resting++;
    }
  }
  for (int i = 0; i < loop->client_count; i++)
    disconnect(&loop->clients[i]);
  for (; under_way > 0; under_way--)
    if (tally->errors++ == 0)
      tally->first_error = "no answer in time";
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
  if (tally->longest_us > sum->longest_us)
    sum->longest_us = tally->longest_us;
}

/* The time that the given share of binds did not exceed (nearest rank). */
static int64_t percentile_us(const struct tally *tally, double share) {
  uint64_t rank = (uint64_t)(share * (double)tally->binds + 0.999999);
  uint64_t seen = 0;
  for (int i = 0; i < BUCKETS - 1; i++) {
    seen += tally->buckets[i];
    if (seen >= rank && seen > 0)
      return i;
  }
  return tally->longest_us;
}

static void report(const struct tally *sum, int clients, int threads, double seconds) {
  char error[160] = "null";
  if (sum->first_error != NULL &&
      snprintf(error, sizeof error, "\"%s%s%s\"", sum->first_error, sum->first_errno != 0 ? ": " : "",
               sum->first_errno != 0 ? strerror(sum->first_errno) : "") < 0)
    die("snprintf");
  if (printf("{\"clients\":%d,\"threads\":%d,\"persistent\":%s,\"binds\":%llu,\"seconds\":%.3f,"
             "\"binds_per_second\":%.1f,\"p50_us\":%lld,\"p99_us\":%lld,\"p999_us\":%lld,"
             "\"max_us\":%lld,\"errors\":%llu,\"first_error\":%s}\n",
             clients, threads, run.persistent ? "true" : "false", (unsigned long long)sum->binds, seconds,
             (double)sum->binds / seconds, (long long)percentile_us(sum, 0.5),
             (long long)percentile_us(sum, 0.99), (long long)percentile_us(sum, 0.999),
             (long long)sum->longest_us, (unsigned long long)sum->errors, error) < 0 ||
      fflush(stdout) != 0)
    die("stdout");
}

static void usage(void) {
  fprintf(stderr, "usage: load SOCK [--clients N] [--seconds S] [--persistent] [--threads T]"
                  " [--address A] [--port P]\n");
  exit(2);
}

static double number_between(const char *text, double least, double most) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= least && value <= most))
    usage();
  return value;
}

int main(int argc, char **argv) {
  static const struct option options[] = {
      {"clients", required_argument, NULL, 'c'}, {"seconds", required_argument, NULL, 's'},
      {"persistent", no_argument, NULL, 'p'},    {"threads", required_argument, NULL, 't'},
      {"address", required_argument, NULL, 'a'}, {"port", required_argument, NULL, 'o'},
      {NULL, 0, NULL, 0},
  };
  int client_count = 1, threads = 0;
  double seconds = 1;
  run.address = "127.0.0.1";
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
    case 'c': client_count = (int)number_between(optarg, 1, MOST_CLIENTS); break;
    case 's': seconds = number_between(optarg, 0.01, 3600); break;
    case 'p': run.persistent = true; break;
    case 't': threads = (int)number_between(optarg, 1, 256); break;
    case 'a': run.address = optarg; break;
    case 'o': run.port = (int)number_between(optarg, 0, 65535); break;
    default: usage();
    }
  }
  if (optind != argc - 1 || strlen(argv[optind]) >= sizeof run.server.sun_path)
    usage();
  run.server.sun_family = AF_UNIX;
  strcpy(run.server.sun_path, argv[optind]);

  if (threads == 0) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    threads = cores > 2 ? (int)cores - 1 : 1;
  }
  if (threads > client_count)
    threads = client_count;

  struct client *clients = calloc((size_t)client_count, sizeof *clients);
  struct loop *loops = calloc((size_t)threads, sizeof *loops);
  if (clients == NULL || loops == NULL)
    die("calloc");
  for (int i = 0; i < client_count; i++)
    clients[i].fd = -1;
  for (int i = 0; i < threads; i++) {
    int first = client_count * i / threads;
    loops[i].clients = clients + first;
    loops[i].client_count = client_count * (i + 1) / threads - first;
    open_tally(&loops[i].tally);
  }

  int64_t began_ns = now_ns();
  run.end_ns = began_ns + (int64_t)(seconds * SECOND_NS);
  if (client_count == 1) {
    run_alone(&loops[0]);
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
  report(&sum, client_count, threads, took);

  free(sum.buckets);
  for (int i = 0; i < threads; i++)
    free(loops[i].tally.buckets);
  free(loops);
  free(clients);
  return 0;
}

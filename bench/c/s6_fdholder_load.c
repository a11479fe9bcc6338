/*
 * s6_fdholder_load: one client that retrieves a socket from s6-fdholderd as fast as it answers.
 *
 * usage: s6_fdholder_load SOCK SECONDS
 *
 * Stores one listening TCP socket in the daemon at SOCK, then retrieves it over and over with the client
 * functions of libs6. Each retrieval has a connection of its own and closes the descriptor that it gets,
 * as load.c does for a bind. Prints one JSON line. Exit codes: 0 measured, 1 failed, 2 usage.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <s6/fdholder.h>
#include <skalibs/tai.h>

/* Beyond the measured time, for all other requests. */
enum { EXTRA_S = 10 };

#define ID "tcp:127.0.0.1"
#define SECOND_NS 1000000000LL

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
    die("clock_gettime");
  return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static int listening_socket(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1000) < 0)
    die("listening socket");
  return fd;
}

static void start(s6_fdholder_t *holder, const char *path, const tain *deadline) {
  if (!s6_fdholder_start_g(holder, path, deadline))
    die("s6_fdholder_start");
}

int main(int argc, char **argv) {
  double seconds = argc == 3 ? atof(argv[2]) : 0;
  if (seconds <= 0) {
    fprintf(stderr, "usage: s6_fdholder_load SOCK SECONDS\n");
    return 2;
  }
  if (!tain_now_set_stopwatch_g())
    die("clock");
  tain deadline;
  tain_uint(&deadline, (unsigned int)seconds + EXTRA_S);
  tain_add_g(&deadline, &deadline);

  s6_fdholder_t holder = S6_FDHOLDER_ZERO;
  start(&holder, argv[1], &deadline);
  if (!s6_fdholder_store_g(&holder, listening_socket(), ID, &tain_infinite, &deadline))
    die("s6_fdholder_store");
  s6_fdholder_end(&holder);

  int64_t began_ns = now_ns(), end_ns = began_ns + (int64_t)(seconds * SECOND_NS);
  uint64_t count = 0;
  for (; now_ns() < end_ns; count++) {
    s6_fdholder_t each = S6_FDHOLDER_ZERO;
    start(&each, argv[1], &deadline);
    int fd = s6_fdholder_retrieve_g(&each, ID, &deadline);
    if (fd < 0)
      die("s6_fdholder_retrieve");
    if (close(fd) < 0)
      die("close");
    s6_fdholder_end(&each);
  }
  double took = (double)(now_ns() - began_ns) / SECOND_NS;

  start(&holder, argv[1], &deadline);
  if (!s6_fdholder_delete_g(&holder, ID, &deadline))
    die("s6_fdholder_delete");
  s6_fdholder_end(&holder);
  if (printf("{\"retrievals_per_second\":%.1f}\n", (double)count / took) < 0)
    die("stdout");
  return 0;
}

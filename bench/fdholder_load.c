/*
 * fdholder_load: one client that retrieves a socket from s6-fdholderd as fast as it is answered.
 *
 * usage: fdholder_load SOCK SECONDS [persistent]
 *
 * Stores one listening TCP socket with the daemon at SOCK, then retrieves it again and again over
 * libs6's own client functions: with a connection for each, or over the one it has stored with. What
 * load.c does with a bind is done here with a retrieval: the descriptor is closed, and the time from
 * before the connect (persistent: before the request) until the descriptor is there is counted.
 *
 * Prints one JSON line. Exit codes: 0 measured, 1 could not measure, 2 wrong usage.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <s6/fdholder.h>
#include <skalibs/tai.h>

enum { BUCKETS = 1000 * 1000, PATIENCE_S = 10 };

#define ID "tcp:127.0.0.1"
#define SECOND_NS 1000000000LL

static uint32_t buckets[BUCKETS];

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

static long long percentile_us(uint64_t count, double share) {
  uint64_t rank = (uint64_t)(share * (double)count + 0.999999), seen = 0;
  for (int i = 0; i < BUCKETS; i++) {
    seen += buckets[i];
    if (seen >= rank && seen > 0)
      return i;
  }
  return BUCKETS;
}

int main(int argc, char **argv) {
  double seconds = argc >= 3 ? atof(argv[2]) : 0;
  int persistent = argc == 4 && strcmp(argv[3], "persistent") == 0;
  if (seconds <= 0 || argc > 4 || (argc == 4 && !persistent)) {
    fprintf(stderr, "usage: fdholder_load SOCK SECONDS [persistent]\n");
    return 2;
  }
  if (!tain_now_set_stopwatch_g())
    die("clock");
  tain deadline;
  tain_uint(&deadline, (unsigned int)seconds + PATIENCE_S);
  tain_add_g(&deadline, &deadline);

  s6_fdholder_t holder = S6_FDHOLDER_ZERO;
  if (!s6_fdholder_start_g(&holder, argv[1], &deadline))
    die("s6_fdholder_start");
  int socket = listening_socket();
  if (!s6_fdholder_store_g(&holder, socket, ID, &tain_infinite, &deadline))
    die("s6_fdholder_store");
  if (!persistent)
    s6_fdholder_end(&holder);

  int64_t start = now_ns(), end = start + (int64_t)(seconds * SECOND_NS), before = start;
  uint64_t count = 0;
  while (before < end) {
    s6_fdholder_t each = S6_FDHOLDER_ZERO;
    if (!persistent && !s6_fdholder_start_g(&each, argv[1], &deadline))
      die("s6_fdholder_start");
    int fd = s6_fdholder_retrieve_g(persistent ? &holder : &each, ID, &deadline);
    if (fd < 0)
      die("s6_fdholder_retrieve");
    int64_t now = now_ns();
    int64_t us = (now - before) / 1000;
    buckets[us < BUCKETS ? us : BUCKETS - 1]++;
    count++;
    if (close(fd) < 0)
      die("close");
    if (!persistent)
      s6_fdholder_end(&each);
    before = now_ns();
  }
  double took = (double)(now_ns() - start) / SECOND_NS;

  if (!persistent && !s6_fdholder_start_g(&holder, argv[1], &deadline))
    die("s6_fdholder_start");
  if (!s6_fdholder_delete_g(&holder, ID, &deadline))
    die("s6_fdholder_delete");
  s6_fdholder_end(&holder);
  if (printf("{\"retrievals_per_second\":%.1f,\"p50_us\":%lld,\"p99_us\":%lld}\n", (double)count / took,
             percentile_us(count, 0.5), percentile_us(count, 0.99)) < 0)
    die("stdout");
  return 0;
}

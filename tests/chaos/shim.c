/* Loaded into the agent by LD_PRELOAD, steered by two control files:
 * CHAOS_CONTROL holds one word, eio-sync, eio-write or enospc-write: so fail syncs or writes of the state database.
 * CHAOS_CLOCK holds a number of seconds by which the wall clock is off, and the word "unsynchronized" where nobody vouches
 * for it, "synchronized" where somebody does; the monotonic clocks stay true. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int fault(int fd, const char *kind) {
  const char *control = getenv("CHAOS_CONTROL");
  if (!control || access(control, F_OK) != 0) return 0;
  char link[64], path[512], word[32] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (!strstr(path, "/state/edgelet.db")) return 0;
  int file = open(control, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t got = read(file, word, sizeof word - 1);
  close(file);
  if (got <= 0 || !strstr(word, kind)) return 0;
  return strstr(word, "enospc") ? ENOSPC : EIO;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(fd, kind) do { int code = fault(fd, kind); if (code) { errno = code; return -1; } } while (0)

int fsync(int fd) { FAIL(fd, "sync"); return NEXT(fsync)(fd); }
int fdatasync(int fd) { FAIL(fd, "sync"); return NEXT(fdatasync)(fd); }
ssize_t write(int fd, const void *data, size_t size) { FAIL(fd, "write"); return NEXT(write)(fd, data, size); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { FAIL(fd, "write"); return NEXT(pwrite)(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { FAIL(fd, "write"); return NEXT(pwrite64)(fd, data, size, at); }

static void control(char *text, size_t size) {
  text[0] = 0;
  const char *path = getenv("CHAOS_CLOCK");
  int saved = errno, file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) {
    ssize_t got = read(file, text, size - 1);
    text[got > 0 ? got : 0] = 0;
    close(file);
  }
  errno = saved;
}

static long offset_s(void) {
  char text[64];
  control(text, sizeof text);
  return atol(text);
}

int adjtimex(struct timex *state) {
  char text[64];
  int code = NEXT(adjtimex)(state);
  control(text, sizeof text);
  if (code >= 0 && strstr(text, "unsynchronized")) {
    state->maxerror = 16000000;
    return TIME_ERROR;
  }
  if (code >= 0 && strstr(text, "synchronized")) {
    state->maxerror = 1000;
    return TIME_OK;
  }
  return code;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int code = NEXT(clock_gettime)(clock, now);
  if (!code && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset_s();
  return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int code = NEXT(gettimeofday)(now, zone);
  if (!code) now->tv_sec += offset_s();
  return code;
}

time_t time(time_t *now) {
  struct timespec found;
  clock_gettime(CLOCK_REALTIME, &found);
  if (now) *now = found.tv_sec;
  return found.tv_sec;
}

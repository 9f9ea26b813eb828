// SPDX-License-Identifier: Apache-2.0
// bayplate-export: what is on a data partition that cannot be mounted, as an archive on stdout or
// to who asks on a socket (bayplated, bayplate-port). Reads only; keeps nothing.
#include "board/careful.h"
#include "firmware/export/export_files.h"
#include "firmware/export/export_image.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ASK_S 10   // for the request
#define TAKE_S 120 // for each piece of the answer

struct options {
  const char *state, *trouble, *encryption, *device;
  uint64_t bad_from, bad_length; // for tests
};

static int usage(FILE *f) {
  fputs(
      "usage: bayplate-export files|image [OPTION...] PARTITION >FILE.tar.gz\n"
      "       bayplate-export serve --device FILE --trouble FILE [OPTION...]\n"
      "Writes what is on a data partition as a compressed archive, without mounting it and "
      "without\n"
      "writing to it. docs/device.md, \"Saving what is on a lost data partition\", tells the "
      "rest.\n"
      "  files   the files that can still be found in its ext4: store, settings, pictures\n"
      "  image   all of it, byte for byte; unreadable blocks are zeros and are counted\n"
      "  serve   one request on the socket that is standard input: \"files\" or \"image\" and a\n"
      "          newline; the answer is as firmware/export/export_client.h says\n"
      "  --device FILE      holds the partition's path in its first line\n"
      "  --trouble FILE     is there when the partition cannot be used, and says why; one export\n"
      "                     at a time holds it\n"
      "  --encryption FILE  whether it is encrypted, one line\n"
      "  --state FILE       is told once a second how far it is\n"
      "For tests: --unreadable FROM,LENGTH (bytes of the image that cannot be read)\n"
      "A PARTITION may also be a file of its content.\n"
      "examples:\n"
      "  bayplate-export files data.img >files.tar.gz\n"
      "  bayplate-export image /dev/mmcblk0p7 | ssh laptop 'cat >image.tar.gz'\n"
      "exit status: 0 all of it was taken, 1 it was not, 2 wrong use\n",
      f);
  return f == stdout ? 0 : 2;
}

// --- ways out

static bool to_stdout(void *ctx, const void *bytes, size_t n) {
  (void)ctx;
  return careful_write_all(STDOUT_FILENO, bytes, n);
}

// A frame: its length in four bytes, the first one highest; a length of 0 is the end.
static bool to_socket(void *ctx, const void *bytes, size_t n) {
  (void)ctx;
  const uint8_t head[] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
  return careful_write_all(STDOUT_FILENO, head, sizeof head) &&
         careful_write_all(STDOUT_FILENO, bytes, n);
}

// --- ways in

static const struct options *broken; // where a disk is unreadable in tests

static ssize_t read_broken(void *ctx, int fd, void *buf, size_t n, off_t at) {
  (void)ctx;
  const uint64_t from = (uint64_t)at;
  if (from < broken->bad_from + broken->bad_length && from + n > broken->bad_from) {
    errno = EIO;
    return -1;
  }
  return pread(fd, buf, n, at);
}

// The first line of a file; "" without one.
static void first_line(const char *path, char *out, size_t size) {
  out[0] = '\0';
  FILE *f = path[0] ? fopen(path, "re") : NULL;
  if (!f)
    return;
  if (!fgets(out, (int)size, f))
    out[0] = '\0';
  out[strcspn(out, "\n")] = '\0';
  (void)fclose(f); // only read
}

// Either of the two; the other is closed.
struct source {
  struct export_files *files;
  struct export_disk disk;
};

static bool source_open(struct source *s, const char *what, const char *path,
                        const struct options *o, struct err *e) {
  *s = (struct source){.disk.fd = -1};
  if (strcmp(what, "files") == 0)
    return export_files_open(&s->files, path, e);
  if (!export_disk_open(&s->disk, path, e))
    return false;
  if (o->bad_length > 0) {
    broken = o;
    s->disk.read = read_broken;
  }
  return true;
}

static void source_close(struct source *s) {
  export_files_close(s->files);
  export_disk_close(&s->disk);
}

static bool run(struct export_job *j, struct source *s, export_put *put, struct err *e) {
  if (!export_out_new(&j->out, put, NULL, e))
    return false;
  bool ok = export_job_begin(j, e) &&
            (s->files ? export_files(j, s->files, e) : export_image(j, &s->disk, e)) &&
            export_job_end(j, e);
  export_job_over(j, ok ? NULL : e);
  export_out_free(j->out);
  return ok;
}

static bool word_is_known(const char *what) {
  return strcmp(what, "files") == 0 || strcmp(what, "image") == 0;
}

static struct export_job *new_job(const struct options *o, const char *what, struct err *e) {
  struct export_job *j = calloc(1, sizeof *j);
  if (!j) {
    err_set(e, ERR_NOMEM, "no memory for the export");
    return NULL;
  }
  j->state_file = o->state;
  (void)snprintf(j->state.what, sizeof j->state.what, "%s", what);
  first_line(o->trouble, j->trouble, sizeof j->trouble);
  first_line(o->encryption, j->encryption, sizeof j->encryption);
  return j;
}

static int fail(const struct err *e) {
  fprintf(stderr, "bayplate-export: %s\n", e->text);
  return 1;
}

static int to_file(const char *what, const char *path, const struct options *o) {
  struct err e;
  struct source s;
  struct export_job *j = new_job(o, what, &e);
  if (!j)
    return fail(&e);
  bool ok = source_open(&s, what, path, o, &e) && run(j, &s, to_stdout, &e);
  if (ok)
    fprintf(stderr,
            "bayplate-export: %s: %" PRIu64 " bytes read, %" PRIu64 " files, %" PRIu64
            " unreadable blocks; %" PRIu64 " bytes, SHA-256 %s\n",
            what, j->state.read, j->state.files, j->state.bad, j->state.sent, j->state.sha256);
  source_close(&s);
  free(j);
  return ok ? 0 : fail(&e);
}

// --- a request on a socket

static bool read_request(char *what, size_t size, struct err *e) {
  const struct timeval ask = {.tv_sec = ASK_S}, take = {.tv_sec = TAKE_S};
  if (setsockopt(STDIN_FILENO, SOL_SOCKET, SO_RCVTIMEO, &ask, sizeof ask) != 0 ||
      setsockopt(STDIN_FILENO, SOL_SOCKET, SO_SNDTIMEO, &take, sizeof take) != 0)
    return err_errno(e, errno, "standard input is no socket");
  for (size_t n = 0; n + 1 < size; n++) {
    if (read(STDIN_FILENO, what + n, 1) != 1)
      return err_set(e, ERR_NET, "no request came");
    if (what[n] == '\n') {
      what[n] = '\0';
      return true;
    }
  }
  return err_set(e, ERR_ARG, "the request is too long");
}

static bool answer(const char *text) {
  return careful_write_all(STDOUT_FILENO, text, strlen(text));
}

// "no WORD TEXT": the words are those of export_client.h.
static void refuse(const struct err *e) {
  char line[ERR_TEXT_MAX + 32];
  const char *word = e->code == ERR_BUSY        ? "busy"
                     : e->code == ERR_NOT_FOUND ? "none"
                     : e->code == ERR_FORMAT    ? "unreadable"
                                                : "failed";
  (void)snprintf(line, sizeof line, "no %s %s\n", word, e->text);
  (void)answer(line); // nobody there: nothing to tell
}

// The answer to a request that can be met. True: it was given, whatever became of it.
static bool stream(struct export_job *j, const struct options *o, const char *path, struct err *e) {
  static const uint8_t end[4];
  const char *what = j->state.what;
  struct source s;
  if (!source_open(&s, what, path, o, e)) {
    export_job_over(j, e); // for the page, which may have nobody to tell it otherwise
    return false;
  }
  fprintf(stderr, "bayplate-export: %s of %s begins\n", what, path);
  bool ok = (answer("ok\n") && run(j, &s, to_socket, e) &&
             careful_write_all(STDOUT_FILENO, end, sizeof end));
  fprintf(stderr, "bayplate-export: %s: %" PRIu64 " bytes, %" PRIu64 " unreadable blocks\n",
          ok ? "all was taken" : "nobody took all of it", j->state.sent, j->state.bad);
  source_close(&s);
  return true;
}

static bool serve_one(const struct options *o, int *lock, struct err *e) {
  char what[16], path[256];
  if (!read_request(what, sizeof what, e))
    return false;
  if (!word_is_known(what))
    return err_set(e, ERR_ARG, "\"files\" or \"image\" can be had");
  if (!export_lock(lock, o->trouble, e))
    return e->code == ERR_BUSY ? false : err_set(e, ERR_NOT_FOUND, "the data partition is in use");
  first_line(o->device, path, sizeof path);
  if (!path[0])
    return err_set(e, ERR_NOT_FOUND, "there is no data partition");
  struct export_job *j = new_job(o, what, e);
  bool answered = j && stream(j, o, path, e);
  free(j);
  return answered;
}

static int serve(const struct options *o) {
  struct err e;
  int lock = -1;
  bool ok = serve_one(o, &lock, &e);
  if (!ok) {
    refuse(&e);
    (void)fail(&e);
  }
  if (lock >= 0)
    (void)close(lock);
  return 0; // a request that was refused is no failed unit
}

static bool parse_range(const char *text, struct options *o) {
  char *end = NULL;
  errno = 0;
  o->bad_from = strtoull(text, &end, 10);
  if (errno != 0 || *end != ',')
    return false;
  o->bad_length = strtoull(end + 1, &end, 10);
  return errno == 0 && *end == '\0' && o->bad_length > 0;
}

int main(int argc, char **argv) {
  enum { DEVICE = 1, TROUBLE, ENCRYPTION, STATE, UNREADABLE };
  static const struct option longs[] = {{"device", required_argument, NULL, DEVICE},
                                        {"trouble", required_argument, NULL, TROUBLE},
                                        {"encryption", required_argument, NULL, ENCRYPTION},
                                        {"state", required_argument, NULL, STATE},
                                        {"unreadable", required_argument, NULL, UNREADABLE},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  struct options o = {.state = "", .trouble = "", .encryption = "", .device = ""};
  int option;
  bool right = true;
  while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
    switch (option) {
    case 'h':
      return usage(stdout);
    case DEVICE:
      o.device = optarg;
      break;
    case TROUBLE:
      o.trouble = optarg;
      break;
    case ENCRYPTION:
      o.encryption = optarg;
      break;
    case STATE:
      o.state = optarg;
      break;
    case UNREADABLE:
      right = right && parse_range(optarg, &o);
      break;
    default:
      right = false;
    }
  }
  const char *what = optind < argc ? argv[optind] : "";
  const bool serving =
      strcmp(what, "serve") == 0 && optind + 1 == argc && o.device[0] && o.trouble[0];
  if (!right || (!serving && (!word_is_known(what) || optind + 2 != argc || o.device[0])))
    return usage(stderr);
  (void)signal(SIGPIPE, SIG_IGN);
  return serving ? serve(&o) : to_file(what, argv[optind + 1], &o);
}

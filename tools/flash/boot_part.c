// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/boot_part.h"

#include "tools/flash/file.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER_MAX 256
#define PATH_BYTES (FOLDER_MAX + 128)

static bool run_mcopy(const char *part, const char *file, const char *name, struct err *e) {
  char target[PATH_BYTES];
  (void)snprintf(target, sizeof target, "::%s", name);
  // -o: an earlier one is replaced without asking. MTOOLS_SKIP_CHECK: an image's geometry is free.
  char *const argv[] = {"mcopy", "-o", "-i", (char *)part, (char *)file, target, NULL};
  char *const env[] = {"MTOOLS_SKIP_CHECK=1", "PATH=/usr/bin:/bin:/usr/local/bin", "LC_ALL=C",
                       NULL};
  pid_t pid;
  int rc = posix_spawnp(&pid, "mcopy", NULL, NULL, argv, env);
  if (rc == ENOENT)
    return err_set(e, ERR_NOT_FOUND, "mcopy is not there; install the package mtools");
  if (rc != 0)
    return err_errno(e, rc, "mcopy");
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR)
      return err_errno(e, errno, "mcopy");
  }
  return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
         err_set(e, ERR_IO, "mcopy does not write %s into the boot partition", name);
}

bool boot_part_put(uint8_t *bytes, size_t n, const char *name, const char *text, struct err *e) {
  const char *tmp = getenv("TMPDIR");
  char folder[FOLDER_MAX], part[PATH_BYTES], file[PATH_BYTES];
  int m = snprintf(folder, sizeof folder, "%s/bayplate-flash-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
  if (m < 0 || (size_t)m >= sizeof folder || !mkdtemp(folder))
    return err_errno(e, errno, "%s", folder);
  (void)snprintf(part, sizeof part, "%s/boot", folder);
  (void)snprintf(file, sizeof file, "%s/file", folder);
  char *back = NULL;
  size_t have = 0;
  bool ok = file_write(part, bytes, n, e) && file_write(file, text, strlen(text), e) &&
            run_mcopy(part, file, name, e) && file_read(part, BOOT_PART_MAX, &back, &have, e);
  if (ok && have != n)
    ok = err_set(e, ERR_IO, "mcopy changed the boot partition's size");
  if (ok)
    memcpy(bytes, back, n);
  free(back);
  (void)unlink(part);
  (void)unlink(file);
  (void)rmdir(folder);
  return ok;
}

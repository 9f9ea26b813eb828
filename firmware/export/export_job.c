// SPDX-License-Identifier: Apache-2.0
#include "firmware/export/export_job.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TELL_MS 1000
#define SILENT_MS 2000
#define LAST_LINES 128 // bytes kept for the end of the report

static int64_t now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t); // always there
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void export_job_note(struct export_job *j, const char *fmt, ...) {
  char line[512];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(line, sizeof line - 1, fmt, ap);
  va_end(ap);
  size_t len = n < 0 ? 0 : strlen(line);
  line[len++] = '\n';
  if (j->report_len + len > sizeof j->report - LAST_LINES) {
    j->left_out++;
    return;
  }
  memcpy(j->report + j->report_len, line, len);
  j->report_len += len;
}

static const char readme_files[] =
    "bayplate：数据分区中的文件 / files of the data partition\n\n"
    "files/bayplate/state/bayplate.db    到店记录、客户、人员（SQLite，与 -wal 一起使用）/ visits, "
    "customers, people (use it "
    "together with its -wal)\n"
    "files/bayplate/state/               图片和识别样本 / pictures, crops\n"
    "files/bayplate/etc/                 设置 / settings\n"
    "REPORT.txt                          最后一行为 complete = yes 才是完整的 / whole only with "
    "complete = yes as the last "
    "line\n\n"
    "分区日志未重放，最后约半分钟的记录可能缺失；完整镜像中有。 / The file system's journal was "
    "not replayed: about the last "
    "half minute may be missing here and be in the image.\n"
    "恢复到设备：bayplate-rescue（docs/device.md）/ to put it back onto a device: "
    "bayplate-rescue (docs/device.md).\n"
    "内含客户个人信息，请妥善保管。 / It holds customers' personal data: keep it safe.\n";

static const char readme_image[] =
    "bayplate：数据分区的完整镜像 / image of the whole data partition\n\n"
    "data.img      分区的逐字节副本，读不出的块为零 / the partition byte for byte; blocks that "
    "could not be read are zeros\n"
    "SHA256SUMS    sha256sum -c SHA256SUMS\n"
    "REPORT.txt    读不出的块；最后一行为 complete = yes 才是完整的 / unreadable blocks; whole "
    "only with complete = yes as the "
    "last line\n\n"
    "修复副本并取出数据：bayplate-rescue（docs/device.md）/ to repair a copy and take the data "
    "out: bayplate-rescue "
    "(docs/device.md).\n"
    "内含客户个人信息，请妥善保管。 / It holds customers' personal data: keep it safe.\n";

static const char readme_locked[] = "\n注意：此分区用另一块主板的密钥加密，没有那块主板就无法读取。"
                                    " / NOTE: it is encrypted for another board and of no use "
                                    "without that board's key.\n";

static const char readme_open[] = "\n注意：原分区是加密的，本文件没有加密。 / NOTE: the partition "
                                  "was encrypted; this file is not.\n";

// data-crypt's words, usr/lib/bayplate.
static const char *of_key(const char *encryption) {
  if (strncmp(encryption, "encrypted with a key of this board", 34) == 0)
    return readme_open;
  return strncmp(encryption, "encrypted", 9) == 0 ? readme_locked : "";
}

bool export_job_begin(struct export_job *j, struct err *e) {
  char text[4096];
  const bool image = strcmp(j->state.what, "image") == 0;
  int n = snprintf(text, sizeof text, "%s%s", image ? readme_image : readme_files,
                   of_key(j->encryption));
  j->state.phase = EXPORT_RUNS;
  j->heard_ms = now_ms();
  export_job_note(j, "what = %s", j->state.what);
  if (j->trouble[0])
    export_job_note(j, "trouble = %s", j->trouble);
  if (j->encryption[0])
    export_job_note(j, "encryption = %s", j->encryption);
  return export_out_text(j->out, EXPORT_FOLDER "README.txt", text, (size_t)n, e) &&
         export_job_step(j, e);
}

// The page goes without it, when it cannot be written; the export does not.
static void tell(struct export_job *j) {
  j->state.sent = j->out ? export_out_sent(j->out) : 0;
  if (j->state_file[0] && !export_state_write(j->state_file, &j->state, NULL))
    j->state_file = "";
}

bool export_job_step(struct export_job *j, struct err *e) {
  const int64_t now = now_ms();
  if (j->told_ms == 0 || now - j->told_ms >= TELL_MS) {
    j->told_ms = now;
    tell(j);
  }
  if (export_out_sent(j->out) != j->heard) {
    j->heard = export_out_sent(j->out);
    j->heard_ms = now;
  } else if (now - j->heard_ms >= SILENT_MS) {
    j->heard_ms = now;
    return export_out_flush(j->out, e);
  }
  return true;
}

bool export_job_end(struct export_job *j, struct err *e) {
  uint8_t hash[EXPORT_HASH];
  if (j->left_out > 0)
    j->report_len += (size_t)snprintf(j->report + j->report_len, LAST_LINES / 2,
                                      "more = %u lines did not fit\n", j->left_out);
  j->report_len += (size_t)snprintf(j->report + j->report_len, LAST_LINES / 2, "complete = yes\n");
  if (!export_out_text(j->out, EXPORT_FOLDER "REPORT.txt", j->report, j->report_len, e) ||
      !export_out_finish(j->out, e))
    return false;
  export_out_hash(j->out, hash);
  (void)sodium_bin2hex(j->state.sha256, sizeof j->state.sha256, hash, sizeof hash);
  return true;
}

void export_job_over(struct export_job *j, const struct err *why) {
  j->state.phase = !why ? EXPORT_DONE : why->code == ERR_NET ? EXPORT_GONE : EXPORT_FAILED;
  (void)snprintf(j->state.error, sizeof j->state.error, "%s", why ? why->text : "");
  tell(j);
}

// SPDX-License-Identifier: Apache-2.0
// bayplate-flash: a technician's laptop writes a board's image, or sends it an update.
#include "board/version.h"
#include "tools/flash/drive_sim.h"
#include "tools/flash/drive_system.h"
#include "tools/flash/identity.h"
#include "tools/flash/job.h"
#include "tools/flash/label.h"
#include "tools/flash/options.h"
#include "tools/flash/upload.h"
#include "tools/flash/words.h"

#include <curl/curl.h>
#include <jansson.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 1000
#define TRIES 12

static volatile sig_atomic_t stop;

static void on_signal(int number) {
  (void)number;
  stop = 1;
}

static void print_json(json_t *o) {
  char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
  (void)printf("%s\n", text ? text : "{\"result\":\"failed\",\"error\":\"no memory\"}");
  free(text);
  json_decref(o);
}

// The one place where a failure is told. Returns the exit status.
static int failed(const struct flash_options *o, const char *what, const struct err *e) {
  if (o->json)
    print_json(json_pack("{s:s,s:s,s:s,s:s}", "result", "failed", "phase", what, "code",
                         err_name(e->code), "error", e->text));
  else
    (void)fprintf(stderr, "bayplate-flash: %s\n", e->text);
  return 1;
}

static struct progress make_progress(const struct flash_options *o) {
  bool terminal = isatty(STDOUT_FILENO) == 1;
  return (struct progress){.to = stdout,
                           .style = o->json    ? PROGRESS_JSON
                                    : terminal ? PROGRESS_BAR
                                               : PROGRESS_LINES};
}

// --- drives

static void show_drives(const struct flash_options *o, const struct drive_list *list) {
  if (!o->json)
    (void)printf("%s\n", words("盘                 大小  型号                         可否写入",
                               "drive              size  model                        can be "
                               "written"));
  for (int i = 0; i < list->n; i++) {
    const struct drive_info *d = &list->drive[i];
    struct err why = {0};
    bool ok = drive_allowed(d, 0, o->fixed, &why);
    if (o->json)
      print_json(json_pack("{s:s,s:s,s:I,s:s,s:b,s:b,s:b,s:s,s:o}", "name", d->name, "path",
                           d->path, "size", (json_int_t)d->size, "model", d->model, "removable",
                           d->removable, "system", d->system, "allowed", ok, "mounts", d->mounts,
                           "why_not", ok ? json_null() : json_string(why.text)));
    else
      (void)printf("%-12s %7.1f GB  %-28s %s\n", d->name, (double)d->size / 1e9, d->model,
                   ok ? words("可以", "yes") : why.text);
  }
  if (list->n == 0 && !o->json)
    (void)printf("%s\n", words("没有盘；请插入存储卡或 U 盘", "none; plug in a card or a stick"));
}

// The named drive, or the only one that can be written.
static const struct drive_info *pick(const struct flash_options *o, const struct drive_list *list,
                                     uint64_t need, struct err *e) {
  const struct drive_info *found = NULL;
  if (o->drive[0]) {
    found = drive_find(list, o->drive);
    if (!found)
      (void)err_set(e, ERR_NOT_FOUND,
                    words("没有盘 %s；用 --list 查看", "there is no drive %s; see --list"),
                    o->drive);
    return found && drive_allowed(found, need, o->fixed, e) ? found : NULL;
  }
  int n = 0;
  for (int i = 0; i < list->n; i++) {
    if (drive_allowed(&list->drive[i], need, false, NULL)) {
      found = &list->drive[i];
      n++;
    }
  }
  if (n == 1)
    return found;
  (void)err_set(e, ERR_NOT_FOUND, "%s",
                n == 0
                    ? words("没有可写的盘；用 --list 查看", "no drive can be written; see --list")
                    : words("有几个可写的盘；用 --drive 指明",
                            "several drives can be written; name one with --drive"));
  return NULL;
}

static bool confirmed(const struct flash_options *o, const struct drive_info *d,
                      const struct manifest *m) {
  char line[64];
  if (o->yes)
    return true;
  (void)printf(words("把 %s %s（签名人 %s）写入 %s（%s，%.1f GB）。该盘上的全部内容将被清除。\n"
                     "确认请输入盘名 %s：",
                     "Writes %s %s (signed by %s) to %s (%s, %.1f GB). All that is on it will be "
                     "lost.\nType its name, %s, to go on: "),
               m->board, m->version, m->signer, d->path, d->model, (double)d->size / 1e9, d->name);
  (void)fflush(stdout);
  if (!fgets(line, sizeof line, stdin))
    return false;
  line[strcspn(line, "\r\n")] = '\0';
  return strcmp(line, d->name) == 0;
}

// --- writing

// A pulled drive and a stop leave the technician with one question: what now?
static void explain(struct err *e, bool written) {
  if (e->code == ERR_NOT_FOUND && written)
    (void)err_set(e, ERR_NOT_FOUND, "%s",
                  words("盘被拔出；请重新插入并再写一次（现在盘上的内容不可用）",
                        "the drive was unplugged; plug it in and flash it again (what is on it now "
                        "cannot be used)"));
  else if (e->code == ERR_STATE && written)
    (void)err_set(e, ERR_STATE, "%s",
                  words("已中止；盘上的内容不可用，请再写一次",
                        "stopped; what is on the drive cannot be used, flash it again"));
}

static int write_drive(const struct flash_options *o, const struct drives *drives,
                       const struct drive_info *d, struct job *j, const struct identity *id) {
  void *handle = NULL;
  struct err e = {0};
  if (!drives->ops->open(drives->ctx, d, &handle, &e))
    return failed(o, "write", &e);
  bool uncached = drives->ops->uncached(handle);
  bool wrote = job_write(j, drives->ops, handle, &e);
  bool ok = wrote && job_verify(j, drives->ops, handle, &e);
  drives->ops->close(handle);
  if (!ok) {
    explain(&e, true);
    return failed(o, wrote ? "verify" : "write", &e);
  }
  const double *s = j->progress->seconds;
  if (o->json) {
    print_json(json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:b,s:{s:f,s:f,s:f}}", "result", "ok", "drive",
                         d->path, "board", j->manifest->board, "version", j->manifest->version,
                         "serial", id ? id->serial : "", "bytes", (json_int_t)j->manifest->size,
                         "uncached", uncached, "seconds", "check", s[PHASE_CHECK], "write",
                         s[PHASE_WRITE], "verify", s[PHASE_VERIFY]));
    return 0;
  }
  if (!uncached)
    (void)printf("%s\n", words("注意：此盘的读回可能来自缓存",
                               "note: this drive may have been read back from the cache"));
  (void)printf(
      words("完成：%s %s 已写入 %s 并校核无误。\n", "Done: %s %s is on %s and verified.\n"),
      j->manifest->board, j->manifest->version, d->path);
  if (id)
    (void)printf(words("序列号 %s；标签 %s/bayplate-%s.png、.pdf：打印后贴在设备上，再删除文件。\n",
                       "Serial %s; label %s/bayplate-%s.png and .pdf: print it, stick it on the "
                       "board, then delete the files.\n"),
                 id->serial, o->labels, id->serial);
  return 0;
}

// The label is made before anything is written: a board whose secrets nobody has would be none.
static int flash_with(const struct flash_options *o, const struct drives *drives,
                      const struct drive_info *d, const struct manifest *m, struct identity *id) {
  char ini[IDENTITY_INI_MAX], model[64 + 16];
  struct progress progress = make_progress(o);
  struct job j = {.image = o->file, .manifest = m, .progress = &progress, .stop = &stop};
  struct err e = {0};
  (void)snprintf(model, sizeof model, "%s%s", o->model[0] ? "" : "bayplate-",
                 o->model[0] ? o->model : m->board);
  if (!o->bare) {
    if (!identity_make(id, o->serial, model, m->board, o->has_mac ? o->mac : NULL, &e) ||
        !identity_ini(id, (int64_t)time(NULL), ini, &e))
      return failed(o, "check", &e);
    j.ini = ini;
  }
  bool ok = job_check(&j, &e);
  if (ok && !o->bare)
    ok = label_write(id, m->version, o->labels, &e);
  int status = ok ? write_drive(o, drives, d, &j, o->bare ? NULL : id) : failed(o, "check", &e);
  if (ok && status != 0 && !o->bare)
    label_remove(id, o->labels);
  job_finish(&j);
  return status;
}

static int flash(const struct flash_options *o, const struct drives *drives) {
  static struct drive_list list; // large
  const struct manifest_wish wish = {o->board, o->version, o->min_version};
  struct manifest m;
  struct identity id = {0};
  struct err e = {0};
  if (!manifest_load(&m, o->file, o->keyring, &e) ||
      !manifest_fits(m.board, m.version, &wish, &e) || !drives->ops->list(drives->ctx, &list, &e))
    return failed(o, "check", &e);
  const struct drive_info *d = pick(o, &list, m.size, &e);
  if (!d)
    return failed(o, "check", &e);
  if (!confirmed(o, d, &m)) {
    (void)err_set(&e, ERR_STATE, "%s",
                  words("未确认，什么都没有写", "not confirmed; nothing was written"));
    return failed(o, "check", &e);
  }
  int status = flash_with(o, drives, d, &m, &id);
  identity_wipe(&id);
  return status;
}

// --- sending

static bool bundle_fits(const struct flash_options *o, const struct checked_bundle *b,
                        const struct upload_board *board, struct err *e) {
  // Bundles name "bayplate-rpi4" where images and --board name "rpi4".
  static const char product[] = "bayplate-";
  bool named = strncmp(o->board, product, sizeof product - 1) == 0;
  char wanted[sizeof product + MANIFEST_WORD_MAX];
  (void)snprintf(wanted, sizeof wanted, "%s%s", o->board[0] && !named ? product : "",
                 o->board[0] ? o->board : board->model);
  const struct manifest_wish wish = {wanted, o->version, o->min_version};
  if (!manifest_fits(b->bundle.compatible, b->bundle.version, &wish, e))
    return false;
  if (!o->older && version_compare(b->bundle.version, board->version) < 0)
    return err_set(e, ERR_DENIED,
                   words("设备上是 %s，这个包 %s 更旧；确实要退回请加 --older",
                         "the board runs %s, this bundle is older: %s; --older sends it anyway"),
                   board->version, b->bundle.version);
  return true;
}

static int send_bundle(const struct flash_options *o) {
  struct progress progress = make_progress(o);
  const struct upload u = {.address = o->net,
                           .claim = o->claim,
                           .progress = &progress,
                           .stop = &stop,
                           .first_pause_ms = PAUSE_MS,
                           .tries = TRIES};
  struct checked_bundle b;
  struct upload_board board;
  struct err e = {0};
  bool had_it = false;
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    (void)err_set(&e, ERR_STATE, "curl does not start");
    return failed(o, "check", &e);
  }
  if (!checked_bundle_open(&b, o->file, o->keyring, &e) || !upload_identity(&u, &board, &e) ||
      !bundle_fits(o, &b, &board, &e))
    return failed(o, "check", &e);
  if (!o->json)
    (void)printf(
        words("%s（%s，版本 %s）← %s，签名人 %s\n", "%s (%s, version %s) <- %s, signed by %s\n"),
        board.serial, board.model, board.version, b.bundle.version, b.signer);
  if (!upload_send(&u, o->file, &b, &had_it, &e))
    return failed(o, "send", &e);
  if (o->json)
    print_json(json_pack("{s:s,s:s,s:s,s:b,s:I}", "result", "ok", "serial", board.serial, "version",
                         b.bundle.version, "had_it", had_it, "bytes", (json_int_t)b.size));
  else
    (void)printf("%s\n", had_it ? words("设备上已有这个包。", "The board had it already.")
                                : words("设备已收到完整的包，并会再次校核签名后安装。",
                                        "The board has all of it; it checks the signature again "
                                        "before it installs."));
  return 0;
}

int main(int argc, char **argv) {
  static struct flash_options o;
  int rc = flash_options_parse(&o, argc, argv);
  if (rc != 0)
    return rc - 1;
  const struct sigaction act = {.sa_handler = on_signal};
  if (sigaction(SIGINT, &act, NULL) != 0 || sigaction(SIGTERM, &act, NULL) != 0)
    return 1;
  if (o.net[0]) {
    rc = send_bundle(&o);
    explicit_bzero(o.claim, sizeof o.claim);
    return rc;
  }
  struct drive_system machine = {.root = "", .loops = o.loops};
  const struct drives drives = o.simulate[0]
                                   ? (struct drives){&drive_sim_ops, (void *)(uintptr_t)o.simulate}
                                   : (struct drives){&drive_system_ops, &machine};
  if (!o.list)
    return flash(&o, &drives);
  static struct drive_list list; // large
  struct err e = {0};
  if (!drives.ops->list(drives.ctx, &list, &e))
    return failed(&o, "list", &e);
  show_drives(&o, &list);
  return 0;
}

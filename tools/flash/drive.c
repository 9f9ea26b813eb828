// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/drive.h"

#include "tools/flash/words.h"

#include <string.h>

bool drive_allowed(const struct drive_info *d, uint64_t need, bool allow_fixed, struct err *e) {
  if (d->system)
    return err_set(e, ERR_DENIED,
                   words("%s 是这台电脑自己的系统盘（%s），绝不写入；请选择存储卡或 U 盘",
                         "%s holds this computer's own system (%s); it is never written to; choose "
                         "a card or a stick"),
                   d->path, d->mounts[0] ? d->mounts : d->held);
  if (d->mounts[0])
    return err_set(e, ERR_BUSY,
                   words("%s 已挂载在 %s；请先卸载：umount %s",
                         "%s is mounted at %s; unmount it first: umount %s"),
                   d->path, d->mounts, d->mounts);
  if (d->held[0])
    return err_set(e, ERR_BUSY,
                   words("%s 正被 %s 使用；请先停用它", "%s is in use by %s; stop that first"),
                   d->path, d->held);
  if (!d->removable && !d->loop && !allow_fixed)
    return err_set(e, ERR_DENIED,
                   words("%s 不是可移动的盘；如确实要写它，加 --fixed",
                         "%s is no removable drive; --fixed allows it if it is really meant"),
                   d->path);
  if (d->read_only)
    return err_set(e, ERR_STATE,
                   words("%s 是只读的；请检查卡上的写保护开关",
                         "%s is read-only; look for the card's write-protect switch"),
                   d->path);
  if (d->size < need)
    return err_set(e, ERR_LIMIT,
                   words("%s 太小：%llu MB，映像需要 %llu MB",
                         "%s is too small: %llu MB, the image needs %llu MB"),
                   d->path, (unsigned long long)(d->size / 1000000),
                   (unsigned long long)((need + 999999) / 1000000));
  return true;
}

const struct drive_info *drive_find(const struct drive_list *list, const char *name) {
  for (int i = 0; i < list->n; i++) {
    const struct drive_info *d = &list->drive[i];
    if (strcmp(d->name, name) == 0 || strcmp(d->path, name) == 0)
      return d;
  }
  return NULL;
}

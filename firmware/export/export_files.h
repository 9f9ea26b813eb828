// SPDX-License-Identifier: Apache-2.0
// The files of an ext4 that the kernel does not mount, read by libext2fs from its first superblock
// or one of the copies, without writing and without root.
#ifndef BAYPLATE_FIRMWARE_EXPORT_EXPORT_FILES_H
#define BAYPLATE_FIRMWARE_EXPORT_EXPORT_FILES_H

#include "firmware/export/export_job.h"

struct export_files;

// ERR_FORMAT: no file system with anything in it can be found: the image is left.
BP_CHECK bool export_files_open(struct export_files **out, const char *path, struct err *e);
void export_files_close(struct export_files *f); // NULL is fine

// All files but bundles of updates: the store first, pictures last. What cannot be read is zeros
// and counted; what makes no sense is left out and told. ERR_NET, ERR_NOMEM.
BP_CHECK bool export_files(struct export_job *j, struct export_files *f, struct err *e);

#endif

// SPDX-License-Identifier: Apache-2.0
// The three phases of writing an image: check, write, verify.
#ifndef BAYPLATE_TOOLS_FLASH_JOB_H
#define BAYPLATE_TOOLS_FLASH_JOB_H

#include "tools/flash/drive.h"
#include "tools/flash/manifest.h"
#include "tools/flash/progress.h"

#include <signal.h>

#define JOB_CHUNK (4u << 20) // bytes written and compared at a time
#define JOB_HASH 32

struct job {
  // Given.
  const char *image;
  const struct manifest *manifest;
  const char *ini; // bayplate-device.ini for the boot partition; NULL: the image as it is
  struct progress *progress;
  const volatile sig_atomic_t *stop; // not 0: give up; may be NULL
  // Made by job_check.
  size_t chunks;
  uint8_t (*read)[JOB_HASH];  // of each chunk as the image has it
  uint8_t (*wrote)[JOB_HASH]; // and as it goes on the drive
  uint64_t boot_at;
  size_t boot_n; // 0: nothing is changed
  uint8_t *boot;
};

// Reads the image whole, compares size and sum with the manifest, and makes the boot partition
// with the device's file. ERR_FORMAT: it is not the image of the manifest.
BP_CHECK bool job_check(struct job *j, struct err *e);
// ERR_NOT_FOUND the drive was pulled, ERR_IO, ERR_FORMAT the image changed since it was checked,
// ERR_STATE stopped.
BP_CHECK bool job_write(struct job *j, const struct drive_ops *ops, void *drive, struct err *e);
// Reads the drive back. ERR_FORMAT: it holds something else, at the place told.
BP_CHECK bool job_verify(struct job *j, const struct drive_ops *ops, void *drive, struct err *e);
void job_finish(struct job *j);

// Memory for drive I/O; free() ends it. NULL: none left.
void *job_buffer(void);

#endif

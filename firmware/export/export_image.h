// SPDX-License-Identifier: Apache-2.0
// The whole partition as an export.
#ifndef BAYPLATE_FIRMWARE_EXPORT_EXPORT_IMAGE_H
#define BAYPLATE_FIRMWARE_EXPORT_EXPORT_IMAGE_H

#include "firmware/export/export_disk.h"
#include "firmware/export/export_job.h"

// All of it but begin and end. ERR_NET, ERR_NOMEM.
BP_CHECK bool export_image(struct export_job *j, struct export_disk *d, struct err *e);

#endif

// SPDX-License-Identifier: Apache-2.0
// Which of two versions is the newer one: asked on the board before it installs, and on the laptop
// before it sends.
#ifndef BAYPLATE_BOARD_VERSION_H
#define BAYPLATE_BOARD_VERSION_H

// Orders versions as Debian does (deb-version(7), without epochs): runs of digits by their number,
// "~" before everything, even the end: 1.9 < 1.10, 1.0~rc1 < 1.0. Negative, 0 or positive.
int version_compare(const char *a, const char *b);

#endif

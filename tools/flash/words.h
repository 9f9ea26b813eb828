// SPDX-License-Identifier: Apache-2.0
// Two languages side by side where they are used: words("中文", "English") gives the chosen one.
#ifndef BAYPLATE_TOOLS_FLASH_WORDS_H
#define BAYPLATE_TOOLS_FLASH_WORDS_H

#include <stdbool.h>

// "zh" or "en"; false for any other. Before any other call; the default is English.
bool words_choose(const char *language);
// By LC_ALL, LC_MESSAGES, LANG, the first that is set: zh... gives Chinese, anything else English.
void words_by_environment(void);
bool words_chinese(void);

// Both may be printf formats with the same arguments in the same order.
const char *words(const char *zh, const char *en)
    __attribute__((format_arg(1), format_arg(2), returns_nonnull));

#endif

# SPDX-License-Identifier: Apache-2.0
# The page's files become one C source of bp_firmware.
set(BP_PAGE_FILES device.css device.html device.js device_export.js device_upload.js device_words.js aim.css aim.html aim.js aim_steps.js aim_view.js aim_words.js app.js card.js check.js dom.js favicon.svg history.js i18n.js index.html login.js plate.js sound.js sse.js
    style.css)
list(APPEND BP_PAGE_FILES device_identity.js)
list(TRANSFORM BP_PAGE_FILES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(BP_PAGE_SOURCE ${CMAKE_CURRENT_BINARY_DIR}/page_assets.c)
add_custom_command(OUTPUT ${BP_PAGE_SOURCE}
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/embed.py ${BP_PAGE_SOURCE} ${BP_PAGE_FILES}
  DEPENDS ${CMAKE_CURRENT_LIST_DIR}/embed.py ${BP_PAGE_FILES} VERBATIM)

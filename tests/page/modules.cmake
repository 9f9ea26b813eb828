# SPDX-License-Identifier: Apache-2.0
# Fetches playwright-core when it is not there or the lock file changed: cmake -DNPM=... -DFROM=... -P modules.cmake
file(SHA256 ${FROM}/package-lock.json want)
set(have "")
if(EXISTS modules.stamp)
  file(READ modules.stamp have)
endif()
if(NOT have STREQUAL want)
  file(COPY ${FROM}/package.json ${FROM}/package-lock.json DESTINATION .)
  execute_process(COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error
                  COMMAND_ERROR_IS_FATAL ANY)
  file(WRITE modules.stamp ${want})
endif()

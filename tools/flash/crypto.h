// SPDX-License-Identifier: Apache-2.0
// OpenSSL's headers, whose ERR_STATE is a type and board/err.h's a code.
#ifndef BAYPLATE_TOOLS_FLASH_CRYPTO_H
#define BAYPLATE_TOOLS_FLASH_CRYPTO_H

#define ERR_STATE openssl_err_state
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif

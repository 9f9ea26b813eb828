// SPDX-License-Identifier: Apache-2.0
// CMS signatures, as `openssl cms -sign` and RAUC make them.
#ifndef BAYPLATE_TOOLS_FLASH_SIGNATURE_H
#define BAYPLATE_TOOLS_FLASH_SIGNATURE_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_MAX (64u << 10) // bytes of one
#define SIGNATURE_CONTENT_MAX (64u << 10)
#define SIGNATURE_NAME_MAX 128

// Is `sig` (DER) a signature over `content` by a certificate that leads to one in `keyring` (PEM;
// revocation lists in it are obeyed)? An extended key usage, where there is one, must hold code
// signing. signer: the certificate's common name, for people. ERR_DENIED with the reason; ERR_IO,
// ERR_FORMAT the keyring cannot be read.
BP_CHECK bool signature_check(const char *keyring, const void *sig, size_t sig_n,
                              const void *content, size_t n, char signer[SIGNATURE_NAME_MAX],
                              struct err *e);

// The same for a signature that holds its content. *content is malloc'ed, with a NUL after its *n
// bytes.
BP_CHECK bool signature_open(const char *keyring, const void *sig, size_t sig_n, char **content,
                             size_t *n, char signer[SIGNATURE_NAME_MAX], struct err *e);

#endif

// SPDX-License-Identifier: Apache-2.0
// The list of known customers may break a tie between texts that the picture supports about alike.
// It never overrules the picture, makes nothing certain, and the visit records that it spoke.
#ifndef BAYPLATE_FIRMWARE_TIE_H
#define BAYPLATE_FIRMWARE_TIE_H

#include "firmware/store_visit.h"

#define TIE_SHARE 0.5f // an alternative this likely next to the text is supported about alike
#define TIE_LEAST 0.1f // and it must be this likely by itself

// Looks at an unsure visit's text and alternatives. Where the text is no customer's and exactly one
// of the alternatives that tie with it is, that one becomes the text, with its own confidence; what
// the picture alone says goes to v->picture and to the head of the alternatives. false: the store
// could not be asked; v is as it was.
BP_CHECK bool tie_break(struct store *s, struct store_visit *v, struct err *e);

// What the picture alone says: by this the car is known again after a restart. Never NULL.
const char *tie_picture_text(const struct store_visit *v);

#endif

/* What WordPiece must know of characters (Unicode 14). */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

bool unicode_is_punctuation(uint32_t code); /* category P */
bool unicode_is_nonspacing(uint32_t code);  /* Mn: accents and such */
bool unicode_is_control(uint32_t code);     /* Cc, Cf, Co */
uint32_t unicode_lower(uint32_t code);      /* the one small letter, else code */
/* The canonical decomposition without nonspacing marks; returns 1..3. */
int unicode_base(uint32_t code, uint32_t out[3]);

#endif

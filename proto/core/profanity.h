/* profanity.h - swear words, hidden from who asks for it. Pure. */
#ifndef PROFANITY_H
#define PROFANITY_H

#include "result.h"

/* Copies of words [count] in one block, to be freed; the letters of those that are swear words, in
 * any case and between any marks, are stars: "Damn," stays, "Shit," becomes "****,". Times and the
 * number of words stay. NULL without memory. */
struct result_word *profanity_hide(const struct result_word *words, size_t count);

#endif

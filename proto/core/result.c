#include "result.h"

const char *result_reason_text(enum result_reason reason)
{
    static const char *const texts[] = {
#define X(name, text) [name] = text,
        RESULT_REASONS(X)
#undef X
    };

    return texts[reason];
}

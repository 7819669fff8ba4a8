/* options.h - settings from flags, environment and a configuration file, all by options.def.
 * Flags win over the environment, that over the file. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdint.h>

#define OPTIONS_TEXT 512
#define OPTIONS_LIST 8192

struct options {
#define OPTION_TEXT(field, flag, value, doc)             char field[OPTIONS_TEXT];
#define OPTION_CHOICE(field, flag, value, values, doc)   char field[OPTIONS_TEXT];
#define OPTION_LIST(field, flag, doc)                    char field[OPTIONS_LIST];
#define OPTION_INT(field, flag, value, least, most, doc) uint32_t field;
#include "options.def"
#undef OPTION_TEXT
#undef OPTION_CHOICE
#undef OPTION_LIST
#undef OPTION_INT
};

enum options_outcome { OPTIONS_RUN, OPTIONS_HEALTH, OPTIONS_EXIT, OPTIONS_BAD };

/* OPTIONS_HEALTH: --health, of the daemon with these options. OPTIONS_EXIT: --help or --version was
 * printed. OPTIONS_BAD: one line went to standard error. */
enum options_outcome options_read(struct options *options, int argc, char **argv);

#endif

/* options.c - see options.h. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys.h"
#include "version.h"

struct row {
    const char *flag, *text, *choices, *doc; /* choices: NULL, or values with spaces between */
    long value, least, most;
    size_t offset;
    enum { NUMBER, TEXT, LIST } kind;
};

static const struct row rows[] = {
#define OPTION_TEXT(field, flag, value, doc)                                                       \
    {flag, value, NULL, doc, 0, 0, 0, offsetof(struct options, field), TEXT},
#define OPTION_CHOICE(field, flag, value, values, doc)                                             \
    {flag, value, values, doc, 0, 0, 0, offsetof(struct options, field), TEXT},
#define OPTION_LIST(field, flag, doc)                                                              \
    {flag, "", NULL, doc, 0, 0, 0, offsetof(struct options, field), LIST},
#define OPTION_INT(field, flag, value, least, most, doc)                                           \
    {flag, NULL, NULL, doc, value, least, most, offsetof(struct options, field), NUMBER},
#include "options.def"
#undef OPTION_TEXT
#undef OPTION_CHOICE
#undef OPTION_LIST
#undef OPTION_INT
};
#define ROWS (sizeof rows / sizeof *rows)

static void set_text(struct options *options, const struct row *row, const char *value)
{
    snprintf((char *)options + row->offset, OPTIONS_TEXT, "%s", value);
}

/* Behind what was said before. 0, or -1: there is no room. */
static int add_text(struct options *options, const struct row *row, const char *value)
{
    char *at = (char *)options + row->offset;
    const size_t used = strlen(at);
    return snprintf(at + used, OPTIONS_LIST - used, "%s%s", used ? "," : "", value) <
                   (int)(OPTIONS_LIST - used)
               ? 0
               : -1;
}

static void set_int(struct options *options, const struct row *row, long value)
{
    const uint32_t number = (uint32_t)value;
    memcpy((char *)options + row->offset, &number, sizeof number);
}

/* "a, b or c". */
static void list(char *ret_text, size_t room, const char *choices)
{
    size_t used = 0;
    for (const char *at = choices; *at && used < room;) {
        const size_t length = strcspn(at, " ");
        const char *next = at + length + (at[length] == ' ');
        const char *between = at == choices ? "" : *next ? ", " : " or ";
        used += (size_t)snprintf(ret_text + used, room - used, "%s%.*s", between, (int)length, at);
        at = next;
    }
}

static bool is_choice(const char *choices, const char *value)
{
    const size_t length = strlen(value);
    for (const char *at = choices; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == length && strncmp(at, value, length) == 0)
            return true;
    return false;
}

/* source: where the value stands, for the message. */
static int set(struct options *options, const char *flag, const char *value, const char *source)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (strcmp(row->flag, flag) != 0)
            continue;
        if (row->kind == LIST) {
            if (add_text(options, row, value) == 0)
                return 0;
            fprintf(stderr, "foldscribed: %s%s: all of them are longer than %d characters\n",
                    source, flag, OPTIONS_LIST - 1);
            return -1;
        }
        if (row->kind == TEXT) {
            if (strlen(value) >= OPTIONS_TEXT) {
                fprintf(stderr, "foldscribed: %s%s: longer than %d characters\n", source, flag,
                        OPTIONS_TEXT - 1);
                return -1;
            }
            if (row->choices && !is_choice(row->choices, value)) {
                char choices[200];
                list(choices, sizeof choices, row->choices);
                fprintf(stderr, "foldscribed: %s%s: '%.100s' must be %s\n", source, flag, value,
                        choices);
                return -1;
            }
            set_text(options, row, value);
            return 0;
        }
        char *end;
        errno = 0;
        const long number = strtol(value, &end, 10);
        if (end == value || *end || errno || number < row->least || number > row->most) {
            fprintf(stderr, "foldscribed: %s%s: '%s' is not a whole number from %ld to %ld\n",
                    source, flag, value, row->least, row->most);
            return -1;
        }
        set_int(options, row, number);
        return 0;
    }
    fprintf(stderr, "foldscribed: %s%s: no such setting; --help lists them\n", source, flag);
    return -1;
}

static int read_file(struct options *options, const char *path)
{
    char line[1024], source[600];
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "foldscribed: --config: %s: %s\n", path, strerror(errno));
        return -1;
    }
    int err = 0;
    for (int number = 1; !err && fgets(line, sizeof line, file); number++) {
        snprintf(source, sizeof source, "%.500s line %d: ", path, number);
        if (!strchr(line, '\n') && !feof(file)) {
            fprintf(stderr, "foldscribed: %slonger than %zu characters\n", source, sizeof line - 2);
            err = -1;
            break;
        }
        char *at = line + strspn(line, " \t");
        snprintf(source, sizeof source, "%.500s line %d: ", path, number);
        if (strlen(line) == sizeof line - 1 && line[sizeof line - 2] != '\n') {
            fprintf(stderr, "foldscribed: %slonger than %zu characters\n", source, sizeof line - 2);
            err = -1;
            break;
        }
        at[strcspn(at, "\r\n")] = '\0';
        if (*at == '#' || *at == '\0')
            continue;
        char *equals = strchr(at, '=');
        if (!equals) {
            fprintf(stderr,
                    "foldscribed: %s'%.100s': expected 'name = value', or # and a comment\n",
                    source, at);
            err = -1;
            break;
        }
        char *value = equals + 1 + strspn(equals + 1, " \t");
        while (equals > at && isspace((unsigned char)equals[-1]))
            equals--;
        *equals = '\0';
        for (size_t n = strlen(value); n && isspace((unsigned char)value[n - 1]); n--)
            value[n - 1] = '\0';
        err = set(options, at, value, source);
    }
    if (!err && ferror(file)) {
        fprintf(stderr, "foldscribed: --config: %s: %s\n", path, strerror(errno));
        err = -1;
    }
    fclose(file);
    return err;
}

static int read_environment(struct options *options)
{
    for (size_t i = 0; i < ROWS; i++) {
        char name[64] = "FOLDSCRIBE_";
        size_t n = strlen(name);
        for (const char *c = rows[i].flag; *c; c++)
            name[n++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        name[n] = '\0';
        const char *value = getenv(name);
        if (value && set(options, rows[i].flag, value, "environment, ") != 0)
            return -1;
    }
    return 0;
}

static void help(void)
{
    puts("usage: foldscribed --model SEED.safetensors [--lm LM.flm] [--FLAG VALUE ...]\n\n"
         "  --config FILE\n        file of 'name = value' lines, names as below\n"
         "  --version, --help, --options (all settings as a page)\n"
         "  --health\n        asks the daemon at --listen whether it is alive: exit status 0\n"
         "  --hash-key\n        what stands in a keys file for the key on standard input");
    for (size_t i = 0; i < ROWS; i++) {
        printf("  --%s %s\n        %s", rows[i].flag, rows[i].kind ? "TEXT" : "N", rows[i].doc);
        if (rows[i].choices)
            printf(" [%s; %s]\n", rows[i].text, rows[i].choices);
        else if (rows[i].kind)
            printf("%s%s%s\n", *rows[i].text ? " [" : "", rows[i].text, *rows[i].text ? "]" : "");
        else
            printf(" [%ld; %ld to %ld]\n", rows[i].value, rows[i].least, rows[i].most);
    }
}

/* deploy/OPTIONS.md: a test keeps them the same. */
static void page(void)
{
    puts("# Settings of foldscribed\n\n"
         "Made by `foldscribed --options` from `server/daemon/options.def`. Each is a flag "
         "(`--idle-s "
         "20`), a line "
         "of the\nfile that `--config` names (`idle-s = 20`, `#` begins a comment) and an "
         "environment "
         "variable\n(`FOLDSCRIBE_IDLE_S=20`). Flags win over the environment, that over the "
         "file.\n\n"
         "| setting | default | allowed | what it is |\n|---|---|---|---|");
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (row->kind)
            printf("| `%s` | %s%s%s | %s | %s |\n", row->flag, *row->text ? "`" : "", row->text,
                   *row->text ? "`" : "", row->choices ? row->choices : "text", row->doc);
        else
            printf("| `%s` | %ld | %ld to %ld | %s |\n", row->flag, row->value, row->least,
                   row->most, row->doc);
    }
}

/* A key, as a line of standard input, becomes what stands in a keys file: it is in no argument that
 * others see. */
static enum options_outcome hash_key(void)
{
    char key[512], hash[KEYS_HASH];
    if (isatty(STDIN_FILENO))
        fputs("key: ", stderr);
    if (!fgets(key, sizeof key, stdin))
        key[0] = '\0';
    const size_t length = strcspn(key, "\r\n");
    const bool whole = key[length] || feof(stdin);
    key[length] = '\0';
    if (!length || !whole || strpbrk(key, " \t,")) {
        fputs("foldscribed: --hash-key: expected a key on standard input: a line of at most 510 "
              "characters, without spaces or commas\n",
              stderr);
        return OPTIONS_BAD;
    }
    keys_hash(key, hash);
    puts(hash);
    return OPTIONS_EXIT;
}

/* argv[i] as --flag=value or --flag value: advances *i; NULL when it is neither. */
static const char *flag_value(int argc, char **argv, int *i, char *ret_flag, size_t room)
{
    const char *arg = argv[*i];
    if (strncmp(arg, "--", 2) != 0)
        return NULL;
    const size_t length = strcspn(arg + 2, "=");
    snprintf(ret_flag, room, "%.*s", (int)length, arg + 2);
    if (arg[2 + length] == '=')
        return arg + 2 + length + 1;
    return *i + 1 < argc ? argv[++*i] : NULL;
}

enum options_outcome options_read(struct options *options, int argc, char **argv)
{
    char flag[64];
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].kind)
            set_text(options, &rows[i], rows[i].text);
        else
            set_int(options, &rows[i], rows[i].value);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help();
            return OPTIONS_EXIT;
        }
        if (strcmp(argv[i], "--options") == 0) {
            page();
            return OPTIONS_EXIT;
        }
        if (strcmp(argv[i], "--hash-key") == 0)
            return hash_key();
        if (strcmp(argv[i], "--version") == 0) {
            puts("foldscribed " FOLDSCRIBE_VERSION);
            return OPTIONS_EXIT;
        }
    }
    /* The file first, then the environment, then flags. */
    bool health = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--health") == 0)
            continue;
        const char *value = flag_value(argc, argv, &i, flag, sizeof flag);
        if (value && strcmp(flag, "config") == 0 && read_file(options, value) != 0)
            return OPTIONS_BAD;
    }
    if (read_environment(options) != 0)
        return OPTIONS_BAD;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--health") == 0) {
            health = true;
            continue;
        }
        const char *arg = argv[i], *value = flag_value(argc, argv, &i, flag, sizeof flag);
        if (!value) {
            fprintf(stderr, "foldscribed: %s: expected --flag value; see --help\n", arg);
            return OPTIONS_BAD;
        }
        if (strcmp(flag, "config") != 0 && set(options, flag, value, "--") != 0)
            return OPTIONS_BAD;
    }
    return health ? OPTIONS_HEALTH : OPTIONS_RUN;
}

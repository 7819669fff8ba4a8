/* config.c - see config.h. */
#include "config.h"

#include <string.h>

#include "err.h"

uint32_t config_int(struct loader *l, const json_t *object, const char *key, json_int_t low,
                    json_int_t high)
{
    const json_t *value = json_object_get(object, key);
    const json_int_t n = json_integer_value(value);
    if (json_is_integer(value) && n >= low && n <= high)
        return (uint32_t)n;
    if (!l->err)
        l->err = err_note(FOLD_ERR_FORMAT, l->note,
                          "configuration: \"%s\" must be an integer from %lld to %lld", key,
                          (long long)low, (long long)high);
    return 0;
}

bool config_bool(struct loader *l, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_boolean(value))
        loader_fail(l, FOLD_ERR_FORMAT, "configuration: \"%s\" must be true or false", key);
    return json_is_true(value);
}

uint32_t config_choice(struct loader *l, const json_t *object, const char *key,
                       const char *const *choices, uint32_t count)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    char allowed[96] = "";
    if (!value)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        if (text && strcmp(text, choices[i]) == 0)
            return i;
        const size_t at = strlen(allowed);
        snprintf(allowed + at, sizeof allowed - at, "%s\"%s\"", i ? " or " : "", choices[i]);
    }
    if (!l->err)
        l->err =
            err_note(FOLD_ERR_FORMAT, l->note, "configuration: \"%s\" must be %s", key, allowed);
    return 0;
}

uint32_t config_list(struct loader *l, const json_t *object, const char *key, uint32_t low,
                     uint32_t high, json_int_t least, json_int_t most, uint32_t *ret)
{
    const json_t *list = json_object_get(object, key);
    const size_t count = json_array_size(list);
    bool good = count >= low && count <= high;
    for (size_t i = 0; i < count && good; i++) {
        const json_t *value = json_array_get(list, i);
        const json_int_t n = json_integer_value(value);
        good = json_is_integer(value) && n >= least && n <= most;
        ret[i] = (uint32_t)n;
    }
    if (good)
        return (uint32_t)count;
    if (!l->err)
        l->err = err_note(FOLD_ERR_FORMAT, l->note,
                          "configuration: \"%s\" must be a list of %u to %u integers from %lld to "
                          "%lld",
                          key, low, high, (long long)least, (long long)most);
    return 0;
}

json_t *config_given(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return value && !json_is_null(value) ? value : NULL;
}

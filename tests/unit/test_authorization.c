/* Wherever a client shows its key, it is found by one rule. */
#include <string.h>

#include "authorization.h"
#include "test.h"

static void finds(const char *header, const char *protocols, const char *token, const char *want)
{
    char key[AUTHORIZATION_KEY];

    authorization_key(header, protocols, token, key);
    assert_string_equal(key, want);
}

static void a_header_shows_it_behind_bearer_or_token_in_any_case_or_alone(void **state)
{
    finds("Bearer sk_1", NULL, NULL, "sk_1");
    finds("bearer   sk_1", NULL, NULL, "sk_1");
    finds("TOKEN\tsk_1", NULL, NULL, "sk_1");
    finds("sk_1", NULL, NULL, "sk_1");
    finds("Bearer sk_1, Bearer sk_2", NULL, NULL, "sk_1");
}

static void other_schemes_and_empty_ones_show_none(void **state)
{
    finds("Basic c2tfMQ==", NULL, NULL, "");
    finds("Bearers sk_1", NULL, NULL, "");
    finds("Bearer ,", NULL, NULL, "");
    finds("", "", "", "");
    finds(NULL, NULL, NULL, "");
}

static void a_browser_shows_it_in_its_subprotocols(void **state)
{
    finds(NULL, "token, sk_1", NULL, "sk_1");
    finds("", "bearer,sk_1", NULL, "sk_1");
    finds(NULL, "realtime, openai-insecure-api-key.sk_1, openai-beta.realtime-v1", NULL, "sk_1");
    finds(NULL, "realtime", NULL, "");
    finds(NULL, "tokens, sk_1", NULL, "");
}

static void the_header_comes_before_the_subprotocols_and_they_before_the_query(void **state)
{
    finds("Token sk_1", "token, sk_2", "sk_3", "sk_1");
    finds("Basic sk_1", "token, sk_2", "sk_3", "sk_2");
    finds("Basic sk_1", "listen", "sk_3", "sk_3");
}

static void the_longest_key_is_found_whole_and_a_longer_one_is_cut(void **state)
{
    char header[700] = "Bearer ", key[AUTHORIZATION_KEY];

    memset(header + 7, 'k', AUTHORIZATION_KEY - 1);
    authorization_key(header, NULL, NULL, key);
    assert_string_equal(key, header + 7);
    strcat(header, "!");
    authorization_key(header, NULL, NULL, key);
    assert_int_equal(strlen(key), AUTHORIZATION_KEY - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_shows_it_behind_bearer_or_token_in_any_case_or_alone),
        cmocka_unit_test(other_schemes_and_empty_ones_show_none),
        cmocka_unit_test(a_browser_shows_it_in_its_subprotocols),
        cmocka_unit_test(the_header_comes_before_the_subprotocols_and_they_before_the_query),
        cmocka_unit_test(the_longest_key_is_found_whole_and_a_longer_one_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

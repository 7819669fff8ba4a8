#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fold.h"

static const char *model_variable; /* the environment's name for the file */
static unsigned char *bytes;
static size_t count;

static int read_file(void **state)
{
    FILE *f = fopen(getenv(model_variable), "rb");
    (void)state;
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    count = (size_t)ftell(f);
    rewind(f);
    bytes = malloc(count);
    assert_int_equal(fread(bytes, 1, count, f), count);
    fclose(f);
    return 0;
}

static int free_file(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

/* Opens the test model with one text of its header replaced by another of the same length: the
 * content hash does not cover the header, so what refuses it is the check of its meaning. */
static int open_with(const char *from, const char *to, struct fold_note *note)
{
    char path[] = "/tmp/foldscribe-test-XXXXXX";
    const int fd = mkstemp(path);
    unsigned char *at = memmem(bytes, count, from, strlen(from));
    struct fold_model *model = NULL;
    assert_true(fd >= 0);
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    assert_int_equal(write(fd, bytes, count), count);
    memcpy(at, from, strlen(from));
    close(fd);
    const int err = fold_model_open(&model, path, note);
    unlink(path);
    fold_model_close(model);
    return err;
}

static void assert_refused(const char *from, const char *to, const char *named)
{
    struct fold_note note = {{0}};
    assert_int_equal(open_with(from, to, &note), FOLD_ERR_FORMAT);
    if (!strstr(note.text, named))
        fail_msg("'%s' does not name %s", note.text, named);
}

static void the_unchanged_model_opens(void **state)
{
    struct fold_note note;
    (void)state;
    assert_int_equal(open_with("F32", "F32", &note), FOLD_OK);
}

static void a_configuration_out_of_bounds_is_refused_by_name(void **state)
{
    (void)state;
    assert_refused("\\\"heads\\\": 4", "\\\"heads\\\": 0", "heads");
    assert_refused("\\\"heads\\\": 4", "\\\"heads\\\": 5", "d and heads");
    assert_refused("\\\"conv_kernel\\\": 5", "\\\"conv_kernel\\\": 4", "conv_kernel");
    assert_refused("\\\"rope_dims\\\": 4", "\\\"rope_dims\\\": 9", "rope_dims");
    assert_refused("\\\"unfolds\\\"", "\\\"unfolbs\\\"", "unfolds");
    assert_refused("\\\"rate\\\": 16000", "\\\"rate\\\": 44100", "rate");
    assert_refused("\\\"vocab\\\"", "\\\"vocob\\\"", "vocab");
    assert_refused("\\\"feedback\\\": true", "\\\"feedback\\\": 1234", "feedback");
    assert_refused("\\\"feedback\\\": true", "\\\"feedback\\\": null", "feedback");
}

static void tensors_must_be_just_those_of_the_configuration(void **state)
{
    (void)state;
    assert_refused("\\\"unfolds\\\": 3", "\\\"unfolds\\\": 2", "blocks.0.norm_attn.gain");
    assert_refused("\\\"blocks\\\": 2", "\\\"blocks\\\": 1", "not one of this configuration");
    assert_refused("\\\"blocks\\\": 2", "\\\"blocks\\\": 3", "is missing");
    assert_refused("\\\"feedback\\\"", "\\\"feedbock\\\"", "feedback.weight");
    assert_refused("\"feedback.weight\"", "\"feedback.weighs\"", "feedback.weight");
    assert_refused("\"blocks.1.attn.q.weight\"", "\"blocks.1.attn.x.weight\"",
                   "blocks.1.attn.q.weight");
    assert_refused("\"blocks.1.attn.q.weight.scale\"", "\"blocks.1.attn.q.weight.scole\"",
                   "blocks.1.attn.q.weight.scale");
}

static void the_attention_decoder_must_be_just_as_configured(void **state)
{
    (void)state;
    assert_refused("\\\"layers\\\": 2", "\\\"layers\\\": 1", "not one of this configuration");
    assert_refused("\\\"layers\\\": 2", "\\\"layers\\\": 3", "decoder.layers.2");
    assert_refused("\\\"layers\\\": 2", "\\\"layers\\\": 0", "layers");
    assert_refused("\\\"ffn\\\": 40", "\\\"ffn\\\": 41", "ffn.up");
    assert_refused("\\\"decoder\\\"", "\\\"decoper\\\"", "not one of this configuration");
    assert_refused("\"decoder.embed.weight\"", "\"decoder.embed.weighs\"", "decoder.embed.weight");
    assert_refused("\"pieces.rank\"", "\"pieces.ronk\"", "pieces.rank");
    assert_refused("\"pieces.rank\": {\"dtype\": \"I32\"", "\"pieces.rank\": {\"dtype\": \"F32\"",
                   "pieces.rank");
    assert_refused("\"decoder.norm.gain\": {\"dtype\": \"F32\"",
                   "\"decoder.norm.gain\": {\"dtype\": \"I32\"", "decoder.norm.gain");
}

static void paths_must_be_lists_of_blocks_one_an_unfold(void **state)
{
    static const char paths[] = "\\\"paths\\\": [[1], [0, 2], [0, 1, 2]]";
    (void)state;
    assert_refused("[[1], [0, 2]", "[[3], [0, 2]", "of depth 1 holds what is no index from 0 to 2");
    assert_refused("[[1], [0, 2]", "[[1], [0,-1]", "of depth 2 holds what is no index from 0 to 2");
    assert_refused("[[1], [0, 2]", "[[1], [0,.1]", "JSON");
    assert_refused("[[1], [0, 2]", "[[1], [{},2]", "of depth 2 holds what is no index from 0 to 2");
    assert_refused("[[1], [0, 2]", "[[ ], [0, 2]", "of depth 1 must be a list of 1 to 64 indices");
    assert_refused("[[1], [0, 2]", "[ 1,  [0, 2]", "of depth 1 must be a list of 1 to 64 indices");
    assert_refused("[[1], [0, 2]", "[[1 ,  0, 2]", "must be 3 lists, one for every unfold");
    assert_refused("[[1], [0, 2]", "[[1],  0, 2 ", "must be 3 lists, one for every unfold");
    assert_refused(paths, "\\\"paths\\\": {                      }", "must be 3 lists");
    assert_refused(paths, "\\\"poths\\\": [[1], [0, 2], [0, 1, 2]]", "recall.weight");
    assert_refused("\"recall.weight\"", "\"recoll.weight\"", "recall.weight");
    assert_refused("\\\"bridge\\\": false", "\\\"bridge\\\": true ", "\"bridge\"");
    assert_refused("\\\"feedback\\\": false", "\\\"feedback\\\": true ", "\"feedback\"");
}

static void paths_of_the_decoder_must_be_lists_of_layers(void **state)
{
    static const char paths[] = "\\\"paths\\\": [[0, 2], [0, 1, 2], [0, 1, 2]]";
    (void)state;
    assert_refused("[[0, 2], ", "[[0, 3], ",
                   "\"decoder.paths\" of depth 1 holds what is no index from 0 to 2");
    assert_refused("[[0, 2], ", "[[    ], ", "\"decoder.paths\" of depth 1 must be a list of 1");
    assert_refused("[[0, 2], [", "[[0, 2 ,  ", "\"decoder.paths\" must be 3 lists");
    assert_refused(paths, "\\\"poths\\\": [[0, 2], [0, 1, 2], [0, 1, 2]]", "decoder.norm.gain");
}

static void a_factored_stem_must_be_of_its_rank(void **state)
{
    (void)state;
    assert_refused("\\\"stem_rank\\\": 12", "\\\"stem_rank\\\": 13", "frontend.conv2.weight");
    assert_refused("\\\"stem_rank\\\": 12", "\\\"stem_rank\\\": -1", "stem_rank");
    assert_refused("\\\"stem_rank\\\": 12", "\\\"stem_rank\\\": {}", "stem_rank");
    assert_refused("\\\"stem_rank\\\": 12", "\\\"stem_ronk\\\": 12", "frontend.conv2");
    assert_refused("\"frontend.mix.weight\"", "\"frontend.mux.weight\"", "frontend.mix.weight");
    assert_refused("\"frontend.mix.bias\"", "\"frontend.mux.bias\"", "frontend.mix.bias");
}

static void a_front_end_must_be_one_that_there_is(void **state)
{
    static const char kernels[] = "\\\"kernels\\\": [10, 3, 3, 3, 3, 2, 2]";
    (void)state;
    assert_refused("\\\"kind\\\": \\\"wave", "\\\"kind\\\": \\\"wove",
                   "\"kind\" must be \"wave\" or \"mel\"");
    assert_refused("\\\"kind\\\": \\\"wave", "\\\"kint\\\": \\\"wave",
                   "\"frontend\" has no \"kind\"");
    assert_refused("\\\"group\\\"", "\\\"batch\\\"", "\"norm\" must be \"group\" or \"layer\"");
    assert_refused(kernels, "\\\"kernels\\\": [10, 3, 3, 3, 3, 2   ]",
                   "\"kernels\" must be a list of 7 to 7 integers from 1 to 64");
    assert_refused(kernels, "\\\"kernels\\\": [10, 3, 3, 3, 3, 2, 0]", "\"kernels\" must be");
    assert_refused(kernels, "\\\"kernels\\\": [10, 3, 3, 3, 3, 2, 3]", "frontend.convs.6.weight");
    assert_refused("[5, 2, 2, 2, 2, 2, 2]", "[9, 9, 9, 9, 9, 9, 9]", "must be 80 to 8000 samples");
    assert_refused("[12, 12, 12, 12", "[12, 12, 12, 13", "frontend.convs.3.weight");
    assert_refused("[12, 12, 12, 12", "[12, 12, 12, -2", "\"channels\" must be");
    assert_refused("[12, 12, 12, 12", "[4096,12,12, 12",
                   "convolution 0 of \"frontend\" makes more than 131072 numbers a frame");
    assert_refused("[16, 4]", "[16, 5]", "\"positions\" has groups that do not divide d");
    assert_refused("[16, 4]", "[16, 8]", "frontend.positions.weight");
    assert_refused("[16, 4]", "[12, 4]", "frontend.positions.weight");
    assert_refused("[16, 4]", "[16   ]", "\"positions\" must be");
    assert_refused("\\\"bias\\\": false", "\\\"bias\\\": true ", "frontend.convs.0.bias");
    assert_refused("\\\"norm_features\\\": true", "\\\"norm_feathers\\\": true",
                   "not one of this configuration");
    assert_refused("\\\"norm_last\\\": true", "\\\"norm_last\\\": 1234", "\"norm_last\" must be");
    assert_refused("\\\"frontend\\\"", "\\\"frontent\\\"", "frontend.conv1");
}

static void blocks_must_have_the_norms_biases_and_adapters_of_the_configuration(void **state)
{
    (void)state;
    assert_refused("\\\"post\\\"", "\\\"past\\\"", "\"norm\" must be \"pre\" or \"post\"");
    assert_refused("\\\"post\\\"", "\\\"pre\\\" ", "exit.norm.gain");
    assert_refused("\\\"biases\\\": true", "\\\"bioses\\\": true", "not one of this configuration");
    assert_refused("\\\"adapters\\\": [0, 3]", "\\\"adapters\\\": [0, 4]",
                   "adapters.1.down.weight");
    assert_refused("\\\"adapters\\\": [0, 3]", "\\\"adapters\\\": [3, 3]",
                   "adapters.0.down.weight");
    assert_refused("\\\"adapters\\\": [0, 3]", "\\\"adapters\\\": [0   ]",
                   "\"adapters\" must be a list of 2 to 2 integers from 0 to 1024");
    assert_refused("\\\"adapters\\\": [0, 3]", "\\\"adapters\\\": [0,-3]", "\"adapters\" must be");
    assert_refused("\\\"adapters\\\": [0, 3]", "\\\"odopters\\\": [0, 3]",
                   "not one of this configuration");
    assert_refused("blocks.1.ffn.fc1.adapters.1.up", "blocks.1.ffn.fc1.adapters.1.op",
                   "blocks.1.ffn.fc1.adapters.1.up.weight");
}

static void pieces_of_a_vocabulary_are_short(void **state)
{
    (void)state;
    assert_refused("\\\"E\\\", \\\"T\\\", \\\"A\\\", \\\"O\\\"", "\\\"ETAOINETAOINETAOINETAO\\\"",
                   "\"ETAOINETAOINETAOINETAO\", which is longer than 16 bytes");
}

static void paths_may_be_chained_and_name_rows(void **state)
{
    (void)state;
    assert_refused("[2, 2]]]", "[2, 3]]]",
                   "of depth 2 holds what is no index from 0 to 2, nor that and a row from 0 to 2");
    assert_refused("[2, 2]]]", "[3, 2]]]", "of depth 2 holds");
    assert_refused("[2, 2]]]", "[2,-1]]]", "of depth 2 holds");
    assert_refused("[2, 2]]]", "[2   ]]]", "of depth 2 holds");
    assert_refused("\\\"rows\\\": 3", "\\\"rows\\\": 4", "blocks.0.norm_attn.gain");
    assert_refused("\\\"rows\\\": 3", "\\\"rows\\\": 0",
                   "\"rows\" must be an integer from 1 to 64");
    assert_refused("\\\"chained\\\": true", "\\\"choined\\\": true", "recall.weight");
    assert_refused("\\\"chained\\\": true", "\\\"chained\\\": 1234", "\"chained\" must be");
}

static void log_mels_have_the_channels_of_the_configuration(void **state)
{
    (void)state;
    assert_refused("\\\"channels\\\": 4", "\\\"channels\\\": 5", "frontend.conv1.weight");
    assert_refused("\\\"channels\\\": 4", "\\\"channels\\\": 0", "\"channels\" must be");
    assert_refused("\"frontend.out.bias\"", "\"frontend.oud.bias\"", "frontend.out.bias");
}

static void a_missing_file_is_an_input_error(void **state)
{
    struct fold_model *model;
    struct fold_note note;
    (void)state;
    assert_int_equal(fold_model_open(&model, "/nonexistent/seed", &note), FOLD_ERR_IO);
    assert_non_null(strstr(note.text, "/nonexistent/seed"));
    assert_string_equal(fold_err_text(FOLD_ERR_IO), "file cannot be read");
    assert_string_equal(fold_err_text(-99), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unchanged_model_opens),
        cmocka_unit_test(a_configuration_out_of_bounds_is_refused_by_name),
        cmocka_unit_test(tensors_must_be_just_those_of_the_configuration),
        cmocka_unit_test(a_missing_file_is_an_input_error),
    };
    const struct CMUnitTest decoder_tests[] = {
        cmocka_unit_test(the_unchanged_model_opens),
        cmocka_unit_test(the_attention_decoder_must_be_just_as_configured),
    };
    const struct CMUnitTest paths_tests[] = {
        cmocka_unit_test(the_unchanged_model_opens),
        cmocka_unit_test(paths_must_be_lists_of_blocks_one_an_unfold),
        cmocka_unit_test(paths_of_the_decoder_must_be_lists_of_layers),
        cmocka_unit_test(a_factored_stem_must_be_of_its_rank),
    };
    const struct CMUnitTest base_tests[] = {
        cmocka_unit_test(the_unchanged_model_opens),
        cmocka_unit_test(a_front_end_must_be_one_that_there_is),
        cmocka_unit_test(blocks_must_have_the_norms_biases_and_adapters_of_the_configuration),
        cmocka_unit_test(pieces_of_a_vocabulary_are_short),
    };
    const struct CMUnitTest large_tests[] = {
        cmocka_unit_test(the_unchanged_model_opens),
        cmocka_unit_test(paths_may_be_chained_and_name_rows),
    };
    const struct CMUnitTest mel_tests[] = {
        cmocka_unit_test(the_unchanged_model_opens),
        cmocka_unit_test(log_mels_have_the_channels_of_the_configuration),
    };
    model_variable = "FOLDSCRIBE_TEST_FEEDBACK_MODEL";
    int failed = cmocka_run_group_tests(tests, read_file, free_file);
    model_variable = "FOLDSCRIBE_TEST_DECODER_MODEL";
    failed += cmocka_run_group_tests(decoder_tests, read_file, free_file);
    model_variable = "FOLDSCRIBE_TEST_PATHS_MODEL";
    failed += cmocka_run_group_tests(paths_tests, read_file, free_file);
    model_variable = "FOLDSCRIBE_TEST_BASE_MODEL";
    failed += cmocka_run_group_tests(base_tests, read_file, free_file);
    model_variable = "FOLDSCRIBE_TEST_LARGE_MODEL";
    failed += cmocka_run_group_tests(large_tests, read_file, free_file);
    model_variable = "FOLDSCRIBE_TEST_MEL_MODEL";
    return failed + cmocka_run_group_tests(mel_tests, read_file, free_file);
}

/* A worker's turn at a live stream.
 *
 * It goes on, a step at a time, until there is something to compute, which is submitted to the
 * worker: that may be batched with other streams' (batcher.h). The turn is over when the text has
 * been sent, by the worker's loop; until then the stream belongs to this worker. */
#include "live_turn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "live_state.h"
#include "transcript.h"

#define SLICE_MS     20  /* of decoding, before others have their turn */
#define BEHIND_MS    300 /* a stream that waited this long gets no partial */
#define PARTIAL_REST 2   /* a partial is followed by that many times what it took */
#define VOICE_SAMPLES                                                                              \
    (450 * (RESULT_RATE_HZ / 1000)) /* with its lead, before on_voice() hears of it */

/* ---- callbacks ---------------------------------------------------------------------------- */

static bool callback_begin(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    const bool open = !live->closed && !live->ended;
    live->in_callback = open;
    pthread_mutex_unlock(&live->lock);
    return open;
}

static void callback_end(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    live->in_callback = false;
    pthread_cond_broadcast(&live->idle);
    pthread_mutex_unlock(&live->lock);
}

static void send_result(struct live *live, const struct result *result)
{
    if (!callback_begin(live))
        return;
    live->options.on_result(live->options.user, result);
    callback_end(live);
}

static void send_ready(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    const bool due = live->above_high && backlog_count(&live->bytes) < live->low_bytes;
    if (due)
        live->above_high = false;
    pthread_mutex_unlock(&live->lock);
    if (!due || !live->options.on_ready || !callback_begin(live))
        return;
    live->options.on_ready(live->options.user);
    callback_end(live);
}

static void send_end(struct live *live, enum engine_end end)
{
    pthread_mutex_lock(&live->lock);
    if (end == ENGINE_OK)
        end = live->truncated;
    pthread_mutex_unlock(&live->lock);
    if (!callback_begin(live))
        return;
    live->options.on_end(live->options.user, end, endpointer_clock(live->endpointer));
    pthread_mutex_lock(&live->lock);
    live->ended = true;
    pthread_mutex_unlock(&live->lock);
    /* Before callback_end: a closing owner then finds it gone from the engine. */
    live_state_unlist(live);
    callback_end(live);
}

static void fail_as(struct live *live, enum engine_end end)
{
    pthread_mutex_lock(&live->lock);
    if (live->end == ENGINE_OK)
        live->end = end;
    pthread_mutex_unlock(&live->lock);
}

static void fail(struct live *live)
{
    fail_as(live, ENGINE_FAILED);
}

static void send_voice(struct live *live, bool begins, int64_t at_samples)
{
    live->voice = begins;
    if (!live->options.on_voice || !callback_begin(live))
        return;
    live->options.on_voice(live->options.user, begins, at_samples);
    callback_end(live);
}

/* ---- text ----------------------------------------------------------------------------------- */

/* A partial of the window becomes one of the whole segment; 0 or -1. */
static int settle_partial(struct live *live, struct result_segment *segment)
{
    struct endpointer_segment sound;

    endpointer_peek(live->endpointer, &sound);
    if (windowed_partials_join(&live->window, segment, sound.fresh_samples) < 0)
        return -1;
    if (segment->written && live->carryover.count)
        segment->written = RESULT_CONTINUED;
    windowed_partials_move(&live->window, segment);
    return 0;
}

/* A final has the words that are final, and what follows is known; 0 or -1. */
static int settle_final(struct live *live, struct result_segment *segment)
{
    const int64_t most_samples =
        (int64_t)live->engine->options.max_segment_ms * (RESULT_RATE_HZ / 1000);
    struct endpointer_segment sound;

    endpointer_segment(live->endpointer, &sound);
    return carryover_settle(&live->carryover, &sound, most_samples, segment, &live->cut);
}

/* What was recognised becomes readable; false when it was not, or cannot be. */
static bool finish_text(struct live *live, enum piece_end end, struct result_segment *segment)
{
    const bool final = live->making.kind == DEPTH_FINAL;

    if (end == PIECE_DONE &&
        ((final ? settle_final(live, segment) : settle_partial(live, segment)) < 0 ||
         transcript_write(segment, &live->style, &live->sentence, final) < 0)) {
        transcript_release(segment);
        end = PIECE_FAILED;
    }
    if (end == PIECE_DONE)
        segment->depth.actual_ms = clock_now_ms() - live->making.since_ms;
    else if (end == PIECE_FAILED)
        fail(live);
    return end == PIECE_DONE;
}

static void note_words(struct live *live, const struct result_segment *segment)
{
    if (!segment->words_count)
        return;
    live->last_word_samples = segment->words[segment->words_count - 1].end_samples;
    live->gap_ms = live->options.gap_ms;
}

static void pop_mark(struct live *live, enum mark mark);
static void emit_gap(struct live *live);

/* What comes next is another sound, or the same one behind its final words. */
static void segment_is_over(struct live *live)
{
    live->partial_due_samples = 0;
    windowed_partials_reset(&live->window);
    incremental_partials_forget(&live->incremental);
}

/* Is silence of that length an endpoint? */
static bool is_endpoint(const struct live *live, uint32_t ms)
{
    return ms >= live->options.endpointing_ms;
}

static void emit_final(struct live *live, const struct result_segment *segment)
{
    const enum mark mark = live->making.mark;
    struct result result = {.segment = *segment, .final = true, .from_flush = mark == MARK_FLUSH};
    const struct carryover_cut cut = live->cut;
    struct endpointer_segment sound;

    endpointer_segment(live->endpointer, &sound);
    result.endpoint =
        sound.why == ENDPOINTER_PAUSE || sound.why == ENDPOINTER_ENDPOINT ||
        (sound.why == ENDPOINTER_FLUSHED &&
         (mark == MARK_FINISH || (mark == MARK_SILENT && is_endpoint(live, live->waited_ms))));
    admission_learn_speech(&live->engine->admission, (double)sound.count / (RESULT_RATE_HZ / 1e3),
                           (double)(cut.final_samples - live->covered_samples) /
                               (RESULT_RATE_HZ / 1e3));
    live->covered_samples = cut.final_samples;
    endpointer_pop(live->endpointer, cut.kept_samples, cut.final_samples);
    segment_is_over(live);
    if (cut.kept_samples < cut.final_samples)
        windowed_partials_begin(&live->window, carryover_partial_start(&live->carryover, &cut),
                                cut.final_samples);
    note_words(live, segment);
    send_result(live, &result);
    if (mark == MARK_FINISH)
        send_end(live, ENGINE_OK);
    else if (mark != MARK_NONE)
        pop_mark(live, mark);
}

static void emit_partial(struct live *live, const struct piece_cost *cost,
                         const struct result_segment *segment)
{
    const struct result result = {.segment = *segment};
    const double every_ms =
        fmax(PARTIAL_REST * piece_cost_ms(cost),
             admission_partial_every_ms(&live->engine->admission, &live->admitted));

    live->partial_due_samples =
        endpointer_clock(live->endpointer) + (int64_t)(every_ms * (RESULT_RATE_HZ / 1e3));
    /* Behind the last whole chunk there may be speech of which there is no text yet. */
    const int64_t speech_samples = endpointer_speech_clock(live->endpointer);
    live->partial_speech_samples =
        speech_samples < segment->end_samples ? speech_samples : segment->end_samples;
    note_words(live, segment);
    send_result(live, &result);
}

static void turn_is_over(struct live *live);

/* The worker has recognised it. */
static void emit(struct piece *piece)
{
    struct live *live = piece->user;
    const bool final = live->making.kind == DEPTH_FINAL;

    free(live->making.prefix);
    live->making.prefix = NULL;
    if (piece->end == PIECE_DONE)
        core_learn(live->engine, &piece->cost, &piece->segment.depth, final);
    if (finish_text(live, piece->end, &piece->segment)) {
        if (final)
            emit_final(live, &piece->segment);
        else
            emit_partial(live, &piece->cost, &piece->segment);
        transcript_release(&piece->segment);
    }
    turn_is_over(live);
}

/* Submits a sound to the worker: the turn goes on in emit. incremental: as in piece. */
static void recognise(struct live *live, struct worker *worker,
                      const struct endpointer_segment *sound,
                      struct incremental_partials *incremental, enum depth_kind kind,
                      double since_ms, enum mark mark)
{
    const double a_ms = RESULT_RATE_HZ / 1e3;
    const double audio_samples =
        incremental ? (double)(incremental->until_samples - incremental->from_samples)
                    : (double)sound->count;
    struct depth_question question = {
        .kind = kind,
        .tier = &live->admitted.tier,
        .asked = live->admitted.asked,
        .audio_ms = audio_samples / a_ms,
        .drafted = live->window.words_count > 0,
        .new_ms = incremental ? (double)incremental->unheard_samples / a_ms : 0,
        .elapsed_ms = clock_now_ms() - since_ms,
        .budget_ms = live->budget_ms};
    /* A stream's frames begin behind the final words. */
    char *prefix = carryover_text(live->carryover.words, live->carryover.count,
                                  incremental ? incremental->from_samples : sound->start_samples);
    struct piece piece = {.hotwords = live->hotwords,
                          .prefix = prefix,
                          .alternatives = kind == DEPTH_FINAL ? live->options.alternatives : 0,
                          .before = live->window.words,
                          .before_count = live->window.words_count,
                          .incremental = incremental,
                          .cancelled = &live->cancelled,
                          .on_result = emit,
                          .user = live};

    live->making = (struct making){kind, mark, since_ms, prefix};
    core_submit(live->engine, worker, sound, &question, &piece);
}

/* The endpointer has a complete segment. */
static void begin_final(struct live *live, struct worker *worker, double since_ms, enum mark mark)
{
    struct endpointer_segment sound;

    endpointer_segment(live->endpointer, &sound);
    if (!live->voice)
        send_voice(live, true, sound.fresh_samples);
    if (sound.why != ENDPOINTER_FULL && sound.why != ENDPOINTER_BREAK)
        send_voice(live, false, sound.start_samples + (int64_t)sound.count);
    recognise(live, worker, &sound, NULL, DEPTH_FINAL, since_ms, mark);
}

/* A final that needs no computing: what was heard since the last one holds no speech. */
static void send_wordless(struct live *live, bool endpoint, bool from_flush)
{
    struct depth_question question = {
        .kind = DEPTH_FINAL, .tier = &live->admitted.tier, .asked = live->admitted.asked};
    const struct result result = {
        .segment = {.start_samples = live->covered_samples,
                    .end_samples = endpointer_clock(live->endpointer),
                    .depth = admission_choose(&live->engine->admission, &question, NULL)},
        .final = true,
        .endpoint = endpoint,
        .from_flush = from_flush};

    live->covered_samples = result.segment.end_samples;
    send_result(live, &result);
}

/* *ret_incremental: what is to hear it; NULL: a run over the window, which is then in *ret_sound.
 */
static bool partial_is_due(struct live *live, struct endpointer_segment *ret_sound,
                           struct incremental_partials **ret_incremental)
{
    if (!live->options.partials || !endpointer_peek(live->endpointer, ret_sound))
        return false;
    const int64_t every_samples =
        (int64_t)admission_partial_every_ms(&live->engine->admission, &live->admitted) *
        (RESULT_RATE_HZ / 1000);
    const int64_t now_samples = ret_sound->start_samples + (int64_t)ret_sound->count;
    if (live->partial_due_samples == 0)
        live->partial_due_samples = ret_sound->fresh_samples + every_samples;
    if (now_samples < live->partial_due_samples ||
        endpointer_speech_clock(live->endpointer) <= live->partial_speech_samples)
        return false;
    enum incremental_partials_aim aim = INCREMENTAL_PARTIALS_TOO_FAR;
    if (admission_partial_is_incremental(&live->engine->admission, &live->admitted))
        aim = incremental_partials_aim(&live->incremental, ret_sound, &live->window);
    *ret_incremental = aim == INCREMENTAL_PARTIALS_READY ? &live->incremental : NULL;
    if (aim == INCREMENTAL_PARTIALS_TOO_FAR)
        windowed_partials_cut(&live->window, ret_sound);
    return aim != INCREMENTAL_PARTIALS_WAIT;
}

/* ---- voices and gaps ------------------------------------------------------------------------ */

/* A "voice" may turn out to be steady noise, a fan: then it ends with a final without words. */
static void emit_voice(struct live *live)
{
    struct endpointer_segment sound;

    if (live->voice && !endpointer_has_speech(live->endpointer)) {
        send_voice(live, false, endpointer_clock(live->endpointer));
        send_wordless(live, true, false);
        segment_is_over(live);
    } else if (!live->voice && endpointer_peek(live->endpointer, &sound) &&
               endpointer_speech_clock(live->endpointer) - sound.fresh_samples >= VOICE_SAMPLES) {
        send_voice(live, true, sound.fresh_samples);
    }
}

static void emit_gap(struct live *live)
{
    const int64_t a_ms = RESULT_RATE_HZ / 1000, gap_samples = live->gap_ms * a_ms;
    const int64_t last_samples = live->last_word_samples;
    const int64_t now_samples =
        endpointer_clock(live->endpointer) + (int64_t)live->waited_ms * a_ms;

    if (!gap_samples || !last_samples || endpointer_has_speech(live->endpointer) ||
        now_samples - last_samples < gap_samples)
        return;
    live->gap_ms = 0;
    if (live->options.on_gap && callback_begin(live)) {
        live->gap_ms = live->options.on_gap(live->options.user, last_samples,
                                            (uint32_t)((now_samples - last_samples) / a_ms));
        callback_end(live);
    }
    if (!live->gap_ms)
        live->last_word_samples = 0;
}

/* ---- a worker's turn ------------------------------------------------------------------------ */

/* Closed by its owner, failed, or the engine closes. */
static bool is_stopped(struct live *live, enum engine_end *ret_end, bool *ret_cut)
{
    pthread_mutex_lock(&live->lock);
    const bool stopped = live->closed || live->end != ENGINE_OK;
    *ret_end = live->end;
    *ret_cut = live->is_cut;
    pthread_mutex_unlock(&live->lock);
    return stopped;
}

/* The client turned its dials: what is open is heard anew. */
static void take_dials(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    const bool dialled = live->is_dialled;
    const struct live_dials dials = live->dials;
    struct hotwords *const hotwords = live->other_hotwords;
    live->is_dialled = false;
    live->other_hotwords = NULL;
    pthread_mutex_unlock(&live->lock);
    if (hotwords) {
        hotwords_unref(live->hotwords);
        live->hotwords = hotwords;
    }
    if (!dialled)
        return;
    if (!live_state_set_dials(live, &dials))
        fail(live);
    live->partial_due_samples = 1; /* long ago */
    live->partial_speech_samples = -1;
}

enum next { NEXT_NOTHING, NEXT_BYTES, NEXT_FLUSH, NEXT_SILENT, NEXT_FINISH };

/* What the network thread has for us; bytes are in live->slice. */
static enum next take(struct live *live, size_t *ret_count)
{
    enum next next = NEXT_NOTHING;

    pthread_mutex_lock(&live->lock);
    if (backlog_is_marked(&live->bytes)) {
        next = NEXT_FLUSH;
    } else if (backlog_count(&live->bytes)) {
        const long got = backlog_pull(&live->bytes, live->slice, live->slice_bytes, clock_now_ms(),
                                      &live->heard_ms);
        if (got < 0 && live->end == ENGINE_OK)
            live->end = ENGINE_FAILED;
        *ret_count = got < 0 ? 0 : (size_t)got;
        next = NEXT_BYTES;
        live->waited_ms = 0;
    } else if (live->finishing) {
        next = NEXT_FINISH;
    } else if (live->silent_ms) {
        next = NEXT_SILENT;
        live->waited_ms = live->silent_ms;
    }
    pthread_mutex_unlock(&live->lock);
    return next;
}

static void pop_mark(struct live *live, enum mark mark)
{
    pthread_mutex_lock(&live->lock);
    if (mark == MARK_FLUSH && live->bytes.marks_count) /* a cut forgets them */
        backlog_unmark(&live->bytes);
    else if (mark != MARK_FLUSH)
        live->silent_ms = 0;
    pthread_mutex_unlock(&live->lock);
    live->drained = false;
    if (mark == MARK_SILENT)
        emit_gap(live);
}

/* Deals with a mark: all bytes before it are decoded. */
static enum queue_step reach_mark(struct live *live, struct worker *worker, enum mark mark)
{
    const bool finish = mark == MARK_FINISH;
    struct endpointer_segment sound;

    if (!live->drained) {
        live->drained = true;
        if (finish)
            audio_input_finish(live->input);
        else if (!audio_input_drain(live->input))
            fail(live);
        return QUEUE_AGAIN;
    }
    endpointer_flush(live->endpointer);
    if (endpointer_segment(live->endpointer, &sound)) {
        pthread_mutex_lock(&live->lock);
        const double since_ms = fmax(live->heard_ms, live->marked_ms);
        pthread_mutex_unlock(&live->lock);
        begin_final(live, worker, since_ms, mark);
        return QUEUE_WAIT;
    }
    if (live->voice)
        send_voice(live, false, endpointer_clock(live->endpointer));
    if (finish) {
        send_end(live, ENGINE_OK);
        return QUEUE_DONE;
    }
    if (mark == MARK_FLUSH)
        send_wordless(live, false, true); /* says that the flush was heard */
    pop_mark(live, mark);
    return QUEUE_AGAIN;
}

/* No more is decoded: what is, becomes final. */
static enum queue_step end_here(struct live *live, struct worker *worker)
{
    struct endpointer_segment sound;

    if (endpointer_segment(live->endpointer, &sound)) {
        begin_final(live, worker, live->heard_ms, MARK_NONE);
        return QUEUE_WAIT;
    }
    live->drained = true;
    return reach_mark(live, worker, MARK_FINISH);
}

/* Until there is something to compute or nothing is left. */
static enum queue_step step(struct live *live, struct worker *worker)
{
    const bool behind = worker->begun_ms - live->work.item.since_ms > BEHIND_MS;
    struct endpointer_segment sound;
    struct incremental_partials *incremental;
    enum engine_end end;
    size_t count;
    bool is_cut;

    live->waits = false;
    if (is_stopped(live, &end, &is_cut)) {
        send_end(live, end);
        return QUEUE_DONE;
    }
    take_dials(live);
    if (is_cut)
        return end_here(live, worker);
    const enum audio_input_heard heard = audio_input_listen(live->input, &live->note);
    if (heard == AUDIO_INPUT_FAILED)
        fail_as(live, live->note.text[0] ? ENGINE_NOT_AUDIO : ENGINE_FAILED);
    if (heard == AUDIO_INPUT_SEGMENT) {
        begin_final(live, worker, live->heard_ms, MARK_NONE);
        return QUEUE_WAIT;
    }
    emit_voice(live);
    emit_gap(live);
    live->waits = heard == AUDIO_INPUT_WAITS;
    if (live->waits) {
        live->silent_slices = 0;
        return QUEUE_DONE;
    }
    if (heard != AUDIO_INPUT_NOTHING) { /* a few bytes may hold hours of silence */
        if (clock_now_ms() - worker->begun_ms < SLICE_MS)
            return QUEUE_AGAIN;
        live->silent_slices = endpointer_has_speech(live->endpointer) ? 0 : live->silent_slices + 1;
        return QUEUE_DONE;
    }
    live->silent_slices = 0;
    switch (take(live, &count)) {
    case NEXT_BYTES:
        if (audio_input_feed(live->input, live->slice, count) < 0)
            fail(live);
        send_ready(live);
        return QUEUE_AGAIN;
    case NEXT_FLUSH:
        return reach_mark(live, worker, MARK_FLUSH);
    case NEXT_SILENT:
        return reach_mark(live, worker, MARK_SILENT);
    case NEXT_FINISH:
        return reach_mark(live, worker, MARK_FINISH);
    case NEXT_NOTHING:
        break;
    }
    if (behind || !partial_is_due(live, &sound, &incremental))
        return QUEUE_DONE;
    recognise(live, worker, &sound, incremental, DEPTH_PARTIAL, live->heard_ms, MARK_NONE);
    return QUEUE_WAIT;
}

/* From the decoders' thread. */
static void sound_is_there(void *user)
{
    struct live *live = user;

    pthread_mutex_lock(&live->lock);
    live->woken = true;
    live_state_schedule(live);
    pthread_mutex_unlock(&live->lock);
}

static void await_sound(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    live->woken = false;
    pthread_mutex_unlock(&live->lock);
    audio_input_await(live->input, sound_is_there, live);
}

static void turn_is_over(struct live *live)
{
    struct endpointer_segment open;

    core_tick(live->engine);
    if (live->waits)
        await_sound(live);
    pthread_mutex_lock(&live->lock);
    live->scheduled = false;
    live->open_ms =
        endpointer_peek(live->endpointer, &open) ? (double)open.count / (RESULT_RATE_HZ / 1e3) : 0;
    const bool has_more = live->waits ? live->woken
                                      : backlog_count(&live->bytes) || live->bytes.marks_count ||
                                            live->finishing || live->silent_ms ||
                                            audio_input_is_busy(live->input);
    if (has_more || live->is_dialled || live->end != ENGINE_OK)
        live_state_schedule(live);
    if (!live->scheduled)
        admission_waits(&live->engine->admission, &live->admitted, false);
    if (live->closed && !live->ended) {
        pthread_mutex_unlock(&live->lock);
        core_count_cancel(live->engine, live->closed_ms);
        pthread_mutex_lock(&live->lock);
    }
    live_state_unref_unlock(live);
}

enum queue_step live_turn_run(struct queue_work *work, struct worker *worker)
{
    struct live *live = (struct live *)((char *)work - offsetof(struct live, work));
    const enum queue_step went = step(live, worker);

    if (went == QUEUE_DONE)
        turn_is_over(live);
    return went;
}

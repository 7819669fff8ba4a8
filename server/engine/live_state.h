/* live_state.h - a live stream's inside, as live.c and live_turn.c share it; for nobody else. */
#ifndef LIVE_STATE_H
#define LIVE_STATE_H

#include "audio_input.h"
#include "backlog.h"
#include "carryover.h"
#include "core.h"
#include "incremental_partials.h"
#include "live_options.h"
#include "windowed_partials.h"

enum mark { MARK_NONE, MARK_FLUSH, MARK_SILENT, MARK_FINISH };

/* What the piece that the worker has now was submitted for. */
struct making {
    enum depth_kind kind;
    enum mark mark;  /* that a final answers */
    double since_ms; /* when the last of its audio came */
    char *prefix;    /* of the piece; to be freed */
};

struct live {
    struct live *next; /* {engine->lock} */
    bool listed;       /* {engine->lock} */
    struct engine *engine;
    struct queue_work work;
    struct live_options options;      /* no zeros */
    struct admission_stream admitted; /* with the tier and the depth asked for */
    double budget_ms;                 /* {lock} to write; 0: none */
    struct tier tier;                 /* as it was granted */
    uint64_t key;
    struct hotwords *hotwords;
    struct transcript_style style;
    struct fold_punctuation_state sentence; /* behind the last final */
    uint64_t high_bytes, low_bytes;
    size_t slice_bytes;
    atomic_bool cancelled;

    pthread_mutex_t lock;
    pthread_cond_t idle;  /* in_callback fell */
    uint32_t refs;        /* {lock} owner; and queue or worker */
    struct backlog bytes; /* {lock} not decoded yet; its marks are flushes */
    double marked_ms;     /* {lock} last flush or finish, or live_silent() */
    uint32_t silent_ms;   /* {lock} nothing comes for so long; 0: something does, or it is known */
    double closed_ms;     /* {lock} */
    enum engine_end truncated; /* {lock} not OK: how it ends once all that was kept is heard */
    bool finishing;            /* {lock} */
    bool is_cut;               /* {lock} no more is decoded */
    double open_ms;            /* {lock} decoded and not final, as of the last turn */
    enum engine_end end;       /* {lock} not OK: stop with this */
    /* {lock} Where is_dialled, the next turn takes them over. */
    struct live_dials dials;
    bool is_dialled;
    struct hotwords *other_hotwords; /* {lock} the same; NULL: they stay */
    bool scheduled;                  /* {lock} queued or with a worker */
    bool above_high;                 /* {lock} on_ready() is due */
    bool in_callback;                /* {lock} */
    bool closed;                     /* {lock} no more callbacks */
    bool woken;                      /* {lock} since it waits: there is something to decode */
    bool ended;                      /* {lock} on_end() was called */

    /* The worker's that runs it. */
    struct audio_input *input;
    struct endpointer *endpointer; /* the input's */
    struct recording_note note;
    double heard_ms;         /* when the last byte that was taken had come */
    uint8_t *slice;          /* [slice_bytes] */
    bool waits;              /* for a decoder of its own process */
    uint32_t silent_slices;  /* turns in a row that ended for the sake of others, without speech */
    bool drained;            /* the resampler is flushed for the mark that is next */
    int64_t covered_samples; /* end of the last final */
    struct carryover carryover;              /* behind that */
    struct carryover_cut cut;                /* of the final that is on its way to the client */
    uint32_t waited_ms;                      /* the silent_ms that was taken, until bytes come */
    struct windowed_partials window;         /* of the partials of this segment */
    struct incremental_partials incremental; /* hears them, under load */
    struct making making;                    /* with the worker */
    int64_t partial_due_samples;             /* clock of the next partial */
    int64_t partial_speech_samples;          /* speech clock of the last one */
    bool voice;                              /* on_voice() said that one began */
    uint32_t gap_ms;           /* of silence that on_gap() is to be told next; 0: none */
    int64_t last_word_samples; /* end of the last word heard that on_gap() did not tell; 0: none */
};

/* What the client sends, as a decoder wants to know it. */
struct stream_format live_state_format(enum live_encoding encoding, uint32_t rate_hz,
                                       uint32_t channels, uint32_t channel);
/* {live->lock} Sees to it that it gets a turn. */
void live_state_schedule(struct live *live);
/* Takes it out of the engine's list, once. */
void live_state_unlist(struct live *live);
/* What hears partials chunk by chunk, where that may be wanted; it is then counted. 0, or -1
 * without memory. */
int live_state_open_incremental(struct live *live);
/* Takes over new dials. The caller has the worker's turn, or is the only one who knows the stream.
 * False: out of memory. */
bool live_state_set_dials(struct live *live, const struct live_dials *dials);
/* {live->lock}, which is released. */
void live_state_unref_unlock(struct live *live);
/* Of one that nobody else knows yet. */
void live_state_free(struct live *live);

#endif

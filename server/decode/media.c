/* media.c - see media.h. Which stream of a file is heard: the one that FFmpeg finds best, as
 * players do. Others are dropped unread. Damaged packets are skipped, as players do, and noted. */
#include "media.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IO_BYTES        32768
#define DAMAGED_MAX     1000 /* packets in a row without sound */
#define STREAMS_MAX     64
#define LIVE_PROBE      65536  /* bytes that may tell what a stream is */
#define LIVE_ANALYZE_US 500000 /* of its sound */
#define SHORT_S         0.5    /* less sound than promised that is worth a note */
#define OGG_PAGE_MOST   65307
#define OGG_HEAD        27
#define OGG_LAST        4
#define ALLOC_MAX       (256 << 20)

/* Containers with sound. Those that name other files (playlists) or are only pictures are left out.
 */
static const char demuxers[] =
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,ea,flac,flv,gxf,iff,"
    "ircam,latm,loas,matroska,mlp,mov,mp3,mpc,mpc8,mpeg,mpegts,mxf,nut,ogg,oma,qcp,rm,sox,tak,"
    "truehd,tta,voc,w64,wav,wsaud,wtv,wv,xwma";
static char *decoders; /* all of sound that are FFmpeg's own */

struct media {
    const struct media_io *io;
    struct media_failure *failure;
    AVFormatContext *format;
    AVIOContext *bytes;
    AVCodecContext *codec;
    AVStream *stream;
    struct SwrContext *resampler;
    AVChannelLayout layout; /* of what goes out, from the first sound on */
    AVChannelLayout in_layout;
    int in_rate_hz, in_format;
    AVPacket *packet;
    AVFrame *frame;
    uint64_t samples; /* written */
    uint64_t expected_samples;
    uint32_t damaged, damaged_in_a_row;
    bool failed;
    float *out; /* [WIRE_FRAMES_MAX, channels], of them out_count are sound to be written */
    size_t out_count;
};

static int fail(struct media *m, enum wire_failure what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct media *m, enum wire_failure what, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    m->failure->what = what;
    vsnprintf(m->failure->text, sizeof(m->failure->text), format, args);
    va_end(args);
    return -1;
}

static int fail_as(struct media *m, int error, const char *what)
{
    char why[AV_ERROR_MAX_STRING_SIZE] = "";

    av_strerror(error, why, sizeof(why));
    return fail(m, error == AVERROR(ENOMEM) ? WIRE_BROKEN : WIRE_NOT_AUDIO, "%s (%s)", what, why);
}

__attribute__((format(printf, 2, 3))) static void note(const struct media *m, const char *format,
                                                       ...)
{
    char text[WIRE_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    m->io->note(m->io->user, text);
}

/* Writes what is in out. */
static void write_out(struct media *m)
{
    if (m->out_count)
        m->io->sound(m->io->user, m->out, m->out_count, (uint32_t)m->layout.nb_channels);
    m->out_count = 0;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static int read_bytes(void *user, uint8_t *to, int room)
{
    struct media *m = user;

    if (!m->io->seek)
        write_out(m); /* it may have to wait for more */
    const long got = m->io->read(m->io->user, to, (size_t)room);

    return got > 0 ? (int)got : AVERROR_EOF;
}

static int64_t seek_bytes(void *user, int64_t offset, int whence)
{
    const struct media *m = user;

    return m->io->seek(m->io->user, offset, whence);
}

/* No container may name another input. */
static int refuse_input(AVFormatContext *format, AVIOContext **ret, const char *url, int flags,
                        AVDictionary **options)
{
    (void)format, (void)ret, (void)url, (void)flags, (void)options;
    return AVERROR(EACCES);
}

/* ---- opening -------------------------------------------------------------------------------- */

int media_prepare(void)
{
    size_t room = 1;
    void *at = NULL;

    av_log_set_level(AV_LOG_QUIET);
    av_max_alloc(ALLOC_MAX);
    for (const AVCodec *codec; (codec = av_codec_iterate(&at));)
        room += strlen(codec->name) + 1;
    decoders = calloc(1, room);
    if (!decoders)
        return -1;
    at = NULL;
    for (const AVCodec *codec; (codec = av_codec_iterate(&at));) {
        if (!av_codec_is_decoder(codec) || codec->type != AVMEDIA_TYPE_AUDIO ||
            strncmp(codec->name, "lib", 3) == 0 ||
            (codec->capabilities & AV_CODEC_CAP_EXPERIMENTAL))
            continue;
        if (*decoders)
            strcat(decoders, ",");
        strcat(decoders, codec->name);
    }
    return 0;
}

static int open_format(struct media *m)
{
    const bool is_stream = !m->io->seek;
    uint8_t *buffer = av_malloc(IO_BYTES);

    m->format = avformat_alloc_context();
    if (buffer)
        m->bytes = avio_alloc_context(buffer, IO_BYTES, 0, m, read_bytes, NULL,
                                      is_stream ? NULL : seek_bytes);
    if (!m->bytes)
        av_free(buffer);
    m->packet = av_packet_alloc();
    m->frame = av_frame_alloc();
    if (!m->format || !m->bytes || !m->packet || !m->frame)
        return fail(m, WIRE_BROKEN, "out of memory");
    m->bytes->seekable = is_stream ? 0 : AVIO_SEEKABLE_NORMAL;
    m->format->pb = m->bytes;
    m->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    m->format->io_open = refuse_input;
    m->format->max_streams = STREAMS_MAX;
    m->format->protocol_whitelist = av_strdup("none");
    m->format->format_whitelist = av_strdup(demuxers);
    m->format->codec_whitelist = av_strdup(decoders);
    if (is_stream) {
        m->format->probesize = LIVE_PROBE;
        m->format->max_analyze_duration = LIVE_ANALYZE_US;
    }
    const int error = avformat_open_input(&m->format, NULL, NULL, NULL);
    return error ? fail_as(m, error, "no container that is known, or damaged at its head") : 0;
}

static bool is_described(const AVStream *stream)
{
    const AVCodecParameters *p = stream->codecpar;

    return p->codec_id != AV_CODEC_ID_NONE && p->sample_rate > 0 && p->ch_layout.nb_channels > 0;
}

/* What there is instead of sound, for messages. */
static void describe_streams(const struct media *m, char *text, size_t room)
{
    size_t at = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < m->format->nb_streams && at + 1 < room; i++) {
        const AVCodecParameters *p = m->format->streams[i]->codecpar;
        const char *type = av_get_media_type_string(p->codec_type);
        at += (size_t)snprintf(text + at, room - at, "%s%s %s", i ? ", " : ": it has ",
                               type ? type : "unknown", avcodec_get_name(p->codec_id));
    }
}

static int choose_stream(struct media *m)
{
    char found[WIRE_TEXT_MAX / 2];
    int best = av_find_best_stream(m->format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);

    /* What the head says is enough in most containers; finding out more costs time and memory. */
    if (best < 0 || !is_described(m->format->streams[best])) {
        const int error = avformat_find_stream_info(m->format, NULL);
        if (error < 0)
            return fail_as(m, error, "nothing in it can be decoded: it is damaged or cut short");
        best = av_find_best_stream(m->format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    }
    if (best < 0) {
        describe_streams(m, found, sizeof(found));
        return fail(m, WIRE_NO_SOUND, "the file has no audio track%s", found);
    }
    m->stream = m->format->streams[best];
    for (unsigned i = 0; i < m->format->nb_streams; i++)
        if ((int)i != best)
            m->format->streams[i]->discard = AVDISCARD_ALL;
    return 0;
}

static int open_codec(struct media *m)
{
    const AVCodecParameters *p = m->stream->codecpar;
    const AVCodec *codec = avcodec_find_decoder(p->codec_id);

    if (!codec)
        return fail(m, WIRE_NOT_AUDIO, "its sound is coded as %s, which cannot be decoded here",
                    avcodec_get_name(p->codec_id));
    m->codec = avcodec_alloc_context3(codec);
    if (!m->codec)
        return fail(m, WIRE_BROKEN, "out of memory");
    int error = avcodec_parameters_to_context(m->codec, p);
    m->codec->thread_count = 1;
    m->codec->pkt_timebase = m->stream->time_base;
    if (!error)
        error = avcodec_open2(m->codec, codec, NULL);
    if (error)
        return fail_as(m, error, "its sound cannot be decoded");
    const int64_t duration = m->stream->duration;
    if (duration > 0 && duration != AV_NOPTS_VALUE &&
        m->format->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE)
        m->expected_samples =
            (uint64_t)av_rescale_q(duration, m->stream->time_base, (AVRational){1, WIRE_RATE_HZ});
    else if (duration == AV_NOPTS_VALUE && m->format->nb_streams == 1 && m->format->duration > 0 &&
             m->format->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE)
        m->expected_samples = (uint64_t)av_rescale(m->format->duration, WIRE_RATE_HZ, AV_TIME_BASE);
    return 0;
}

/* ---- sound ---------------------------------------------------------------------------------- */

/* Takes in [in_count] (NULL: the resampler's rest) to out, which is written when it is full. */
static int convert(struct media *m, const uint8_t **in, int in_count)
{
    static const uint8_t *none[AV_NUM_DATA_POINTERS];

    for (;;) {
        const int room = WIRE_FRAMES_MAX - (int)m->out_count;
        uint8_t *out = (uint8_t *)(m->out + m->out_count * (size_t)m->layout.nb_channels);
        const int made = swr_convert(m->resampler, &out, room, in, in_count);
        if (made < 0)
            return fail_as(m, made, "its sound cannot be resampled");
        m->out_count += (size_t)made;
        m->samples += (uint64_t)made;
        if (made)
            m->damaged_in_a_row = 0;
        if (made < room)
            return 0;
        write_out(m);
        in_count = 0; /* taken; more of it waits inside */
        in = in ? none : NULL;
    }
}

static int begin_sound(struct media *m, const AVFrame *frame)
{
    struct wire_format format = {.expected_samples = m->expected_samples};

    if (frame->ch_layout.nb_channels < 1 || frame->ch_layout.nb_channels > WIRE_CHANNELS_MAX)
        return fail(m, WIRE_NOT_AUDIO, "it has %d channels; 1 to %d are accepted",
                    frame->ch_layout.nb_channels, WIRE_CHANNELS_MAX);
    format.channels = (uint32_t)frame->ch_layout.nb_channels;
    m->out = malloc(sizeof(float) * WIRE_FRAMES_MAX * format.channels);
    if (!m->out || av_channel_layout_copy(&m->layout, &frame->ch_layout) < 0)
        return fail(m, WIRE_BROKEN, "out of memory");
    const char *name = m->format->iformat->name;
    snprintf(format.name, sizeof(format.name), "%.*s", (int)strcspn(name, ","), name);
    m->io->format(m->io->user, &format);
    return 0;
}

/* A stream may change its rate, channels or form on the way. */
static int follow_form(struct media *m, const AVFrame *frame)
{
    if (m->resampler && m->in_rate_hz == frame->sample_rate && m->in_format == frame->format &&
        av_channel_layout_compare(&m->in_layout, &frame->ch_layout) == 0)
        return 0;
    if (m->resampler && convert(m, NULL, 0) < 0)
        return -1;
    swr_free(&m->resampler);
    if (!m->out && begin_sound(m, frame) < 0)
        return -1;
    m->in_rate_hz = frame->sample_rate;
    m->in_format = frame->format;
    av_channel_layout_copy(&m->in_layout, &frame->ch_layout);
    int error = swr_alloc_set_opts2(&m->resampler, &m->layout, AV_SAMPLE_FMT_FLT, WIRE_RATE_HZ,
                                    &m->in_layout, frame->format, frame->sample_rate, 0, NULL);
    if (!error)
        error = swr_init(m->resampler);
    return error ? fail_as(m, error, "its sound changes to a form that cannot be heard") : 0;
}

/* Gives a packet (NULL: the end) to the codec and writes what comes out. 0, or -1. */
static int decode(struct media *m, const AVPacket *packet)
{
    int error = avcodec_send_packet(m->codec, packet);

    while (!error || error == AVERROR(EAGAIN)) {
        const int got = avcodec_receive_frame(m->codec, m->frame);
        if (got == AVERROR(ENOMEM))
            return fail(m, WIRE_BROKEN, "out of memory");
        if (got < 0 && got != AVERROR(EAGAIN) && got != AVERROR_EOF)
            error = got;
        if (got < 0)
            break;
        if (m->frame->sample_rate < 1 || m->frame->nb_samples < 1)
            continue;
        if (follow_form(m, m->frame) < 0 ||
            convert(m, (const uint8_t **)m->frame->extended_data, m->frame->nb_samples) < 0)
            return -1;
        av_frame_unref(m->frame);
    }
    if (error < 0 && error != AVERROR(EAGAIN) && error != AVERROR_EOF) {
        m->damaged++;
        if (++m->damaged_in_a_row > DAMAGED_MAX)
            return fail_as(m, error, "its sound cannot be decoded");
    }
    return 0;
}

/* An Ogg file says on its last page that it is the last; another length it has none. */
static bool is_ogg_cut(const struct media *m)
{
    static uint8_t tail[OGG_PAGE_MOST];
    const int64_t size = m->io->seek(m->io->user, 0, AVSEEK_SIZE);
    const int64_t from = size > OGG_PAGE_MOST ? size - OGG_PAGE_MOST : 0;
    size_t have = 0;

    if (m->io->seek(m->io->user, from, SEEK_SET) < 0)
        return false;
    for (long got; have < sizeof(tail); have += (size_t)got)
        if ((got = m->io->read(m->io->user, tail + have, sizeof(tail) - have)) <= 0)
            break;
    for (size_t at = have; at-- > 0;) {
        if (at + OGG_HEAD > have || memcmp(tail + at, "OggS", 4) != 0)
            continue;
        size_t end = at + OGG_HEAD + tail[at + OGG_HEAD - 1];
        for (size_t i = 0; i < tail[at + OGG_HEAD - 1] && at + OGG_HEAD + i < have; i++)
            end += tail[at + OGG_HEAD + i];
        return end > have || !(tail[at + 5] & OGG_LAST);
    }
    return true;
}

static int decode_all(struct media *m)
{
    int error;

    while ((error = av_read_frame(m->format, m->packet)) >= 0) {
        if (m->packet->flags & AV_PKT_FLAG_CORRUPT)
            m->damaged++;
        const int failed = m->packet->stream_index == m->stream->index ? decode(m, m->packet) : 0;
        av_packet_unref(m->packet);
        if (failed)
            return -1;
    }
    if (decode(m, NULL) < 0 || (m->resampler && convert(m, NULL, 0) < 0))
        return -1;
    write_out(m);
    if (!m->samples && !m->io->seek && strncmp(m->format->iformat->name, "mov", 3) == 0)
        return fail(m, WIRE_NO_SOUND,
                    "an MP4 that is sent live must have its index (moov) in front, as fragmented "
                    "MP4 has");
    if (!m->samples)
        return error == AVERROR_EOF
                   ? fail(m, WIRE_NO_SOUND, "it holds no sound that could be decoded")
                   : fail_as(m, error, "it holds no sound that could be decoded");
    const double have_s = (double)m->samples / WIRE_RATE_HZ,
                 want_s = (double)m->expected_samples / WIRE_RATE_HZ;
    if (m->io->seek && have_s + SHORT_S < want_s)
        note(m,
             "the file is cut short or damaged: %.2f s of the %.2f s that its header promises were "
             "heard",
             have_s, want_s);
    else if (error != AVERROR_EOF)
        note(m, "the file is damaged after %.2f s: what follows was not heard", have_s);
    else if (m->io->seek && strcmp(m->format->iformat->name, "ogg") == 0 && is_ogg_cut(m))
        note(m, "the file is cut short: it has no last page; %.2f s were heard", have_s);
    else if (m->damaged)
        note(m, "%u damaged packets were left out", m->damaged);
    return 0;
}

int media_decode(const struct media_io *io, struct media_failure *ret_failure)
{
    struct media m = {.io = io, .failure = ret_failure};

    const int error =
        open_format(&m) < 0 || choose_stream(&m) < 0 || open_codec(&m) < 0 || decode_all(&m) < 0;
    write_out(&m); /* what came before an error */
    avcodec_free_context(&m.codec);
    avformat_close_input(&m.format);
    if (m.bytes)
        av_freep(&m.bytes->buffer);
    avio_context_free(&m.bytes);
    swr_free(&m.resampler);
    av_channel_layout_uninit(&m.layout);
    av_channel_layout_uninit(&m.in_layout);
    av_packet_free(&m.packet);
    av_frame_free(&m.frame);
    free(m.out);
    return error ? -1 : 0;
}

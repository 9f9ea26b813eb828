// SPDX-License-Identifier: Apache-2.0
#include "board/camera.h"
#include "board/camera_pace.h"
#include "board/frame_range.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MS 5000
#define READ_MS 3000
#define PROBE_BYTES "1000000" // what a stream may send before its format must be clear
#define ANALYSE_US "700000"
#define PIXELS_MAX (64 << 20) // a decoder refuses larger pictures before it allocates them
#define EARLY_FRAMES 2        // a file may end so much before its header says
// Playlists are not among them: they lead to other files.
#define FILE_KINDS                                                                                 \
  "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,ogg,asf,ivf,h264,hevc,mjpeg,mpjpeg,"    \
  "jpeg_pipe,png_pipe,bmp_pipe,image2"
#define PACKETS_WITHOUT_FRAME 500 // a stream that decodes to nothing for so long is none

struct camera {
  struct camera_config config;
  char shown[CAMERA_SOURCE_MAX]; // source without its password
  bool live;
  AVFormatContext *format;
  AVCodecContext *codec;
  AVPacket *packet;
  AVFrame *picture;
  struct SwsContext *scale;
  int stream;
  int64_t deadline_ns; // of the call into FFmpeg that is under way, CLOCK_MONOTONIC
  bool draining, corrupt;
  uint64_t seq, seq_loop; // pictures given since it was opened; number of the first of this loop
  struct camera_pace pace;
  int64_t media_ns, loop_ns, frame_ns; // time of the last picture; begin of this loop; one period
  int64_t first_pts;
};

// FFmpeg asks this inside its waits: true ends them.
static int interrupted(void *ctx) {
  const struct camera *c = ctx;
  return camera_cancelled(&c->config) || clock_mono_ns(clock_system()) > c->deadline_ns;
}

static void limit(struct camera *c, int ms) {
  c->deadline_ns = clock_mono_ns(clock_system()) + ms * CLOCK_NS_PER_MS;
}

static bool fail(struct camera *c, int rc, const char *what, int ms, struct err *e) {
  if (camera_cancelled(&c->config))
    return err_set(e, ERR_STATE, "%s: told to stop", c->shown);
  // Not every protocol passes on that it was interrupted.
  if (rc == AVERROR_EXIT || rc == AVERROR(ETIMEDOUT) || interrupted(c))
    return err_set(e, ERR_TIMEOUT, "%s: %s: nothing came for %d ms", c->shown, what, ms);
  if (rc == AVERROR_HTTP_UNAUTHORIZED || rc == AVERROR_HTTP_FORBIDDEN)
    return err_set(e, ERR_DENIED, "%s: %s: refused; check user and password in the source",
                   c->shown, what);
  if (rc == AVERROR_HTTP_NOT_FOUND || rc == AVERROR(ENOENT))
    return err_set(e, ERR_NOT_FOUND, "%s: %s: no such %s", c->shown, what,
                   c->live ? "stream" : "file");
  if (!c->live && rc == AVERROR(EINVAL))
    return err_set(e, ERR_FORMAT,
                   "%s: %s: not a kind of video file that is taken (MP4, MKV, AVI, TS, ...)",
                   c->shown, what);
  char words[AV_ERROR_MAX_STRING_SIZE] = "";
  (void)av_strerror(rc, words, sizeof words); // unknown codes get words too
  return err_set(e,
                 c->live                     ? ERR_NET
                 : rc == AVERROR_INVALIDDATA ? ERR_FORMAT
                                             : ERR_IO,
                 "%s: %s: %s", c->shown, what, words);
}

static void ff_close(struct camera *c) {
  if (!c)
    return;
  limit(c, 500); // RTSP says good-bye; a dead server does not hold us up
  avcodec_free_context(&c->codec);
  avformat_close_input(&c->format);
  av_packet_free(&c->packet);
  av_frame_free(&c->picture);
  sws_freeContext(c->scale);
  free(c);
}

static void quiet(void) {
  av_log_set_level(
      AV_LOG_QUIET); // its lines carry passwords of addresses; errors reach us as codes
}

// A file's path is never taken for an address, and a playlist in a file leads nowhere.
static bool set_options(const struct camera *c, AVDictionary **o) {
  int rc = 0;
  if (c->live) {
    rc |= av_dict_set(o, "protocol_whitelist", "rtsp,rtp,tcp,tls,http,https", 0);
    rc |= av_dict_set(o, "rtsp_transport", "tcp", 0);
    rc |= av_dict_set(o, "probesize", PROBE_BYTES, 0);
    rc |= av_dict_set(o, "analyzeduration", ANALYSE_US, 0);
    rc |= av_dict_set(o, "fpsprobesize", "0", 0);
    rc |= av_dict_set(o, "max_delay", "0", 0);
    rc |= av_dict_set(o, "http_proxy", "",
                      0); // a camera is in the house, whatever the environment says
  } else {
    rc |= av_dict_set(o, "protocol_whitelist", "file", 0);
    rc |= av_dict_set(o, "format_whitelist", FILE_KINDS, 0);
    rc |= av_dict_set(o, "pattern_type", "none", 0); // '%' in a picture's name is a '%'
  }
  return rc >= 0;
}

static bool open_codec(struct camera *c, struct err *e) {
  const AVCodec *decoder = NULL;
  c->stream = av_find_best_stream(c->format, AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0);
  if (c->stream < 0 || !decoder)
    return err_set(e, ERR_FORMAT, "%s: holds no video that can be decoded", c->shown);
  for (unsigned i = 0; i < c->format->nb_streams; i++) {
    if ((int)i != c->stream)
      c->format->streams[i]->discard = AVDISCARD_ALL;
  }
  AVStream *s = c->format->streams[c->stream];
  c->codec = avcodec_alloc_context3(decoder);
  if (!c->codec)
    return err_set(e, ERR_NOMEM, "%s: no memory for the decoder", c->shown);
  int rc = avcodec_parameters_to_context(c->codec, s->codecpar);
  if (rc < 0)
    return fail(c, rc, "decoder", 0, e);
  c->codec->thread_count = 1; // threads add a frame of delay each, and the cores are the analyser's
  c->codec->max_pixels = PIXELS_MAX;
  c->codec->pkt_timebase = s->time_base;
  if (c->live)
    c->codec->flags |= AV_CODEC_FLAG_LOW_DELAY;
  rc = avcodec_open2(c->codec, decoder, NULL);
  if (rc < 0)
    return fail(c, rc, "decoder", 0, e);
  AVRational rate = av_guess_frame_rate(c->format, s, NULL);
  c->frame_ns = rate.num > 0 && rate.den > 0 ? av_rescale(CLOCK_NS_PER_S, rate.den, rate.num)
                                             : CLOCK_NS_PER_S / 25;
  return true;
}

static bool open_input(struct camera *c, struct err *e) {
  char url[CAMERA_SOURCE_MAX + 8] = "";
  (void)snprintf(url, sizeof url, "%s%s", c->live ? "" : "file:", c->config.source); // it fits
  AVDictionary *options = NULL;
  c->format = avformat_alloc_context();
  bool ok = c->format && set_options(c, &options);
  if (!ok) {
    err_set(e, ERR_NOMEM, "%s: no memory", c->shown);
    goto done;
  }
  c->format->interrupt_callback = (AVIOInterruptCB){interrupted, c};
  limit(c, c->config.open_ms);
  int rc = avformat_open_input(&c->format, url, NULL, &options); // frees the context on failure
  ok = rc >= 0 || fail(c, rc, "open", c->config.open_ms, e);
  if (ok) {
    rc = avformat_find_stream_info(c->format, NULL);
    ok = rc >= 0 || fail(c, rc, "open", c->config.open_ms, e);
  }
  ok = ok && open_codec(c, e);
done:
  av_dict_free(&options);
  return ok;
}

static bool ff_open(struct camera **out, const struct camera_config *config, bool live,
                    struct err *e) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, quiet); // fails only for a bad argument
  struct camera *c = calloc(1, sizeof *c);
  if (!c)
    return err_set(e, ERR_NOMEM, "camera: no memory");
  c->config = *config;
  c->config.open_ms = config->open_ms > 0 ? config->open_ms : OPEN_MS;
  c->config.read_ms = config->read_ms > 0 ? config->read_ms : READ_MS;
  c->live = live;
  c->first_pts = AV_NOPTS_VALUE;
  camera_source_shown(config->source, c->shown, sizeof c->shown);
  c->packet = av_packet_alloc();
  c->picture = av_frame_alloc();
  bool ok = (c->packet && c->picture) || err_set(e, ERR_NOMEM, "%s: no memory", c->shown);
  if (!ok || !open_input(c, e)) {
    ff_close(c);
    return false;
  }
  *out = c;
  return true;
}

static bool stream_open(struct camera **out, const struct camera_config *config, struct err *e) {
  return ff_open(out, config, true, e);
}

static bool file_open(struct camera **out, const struct camera_config *config, struct err *e) {
  return ff_open(out, config, false, e);
}

static bool same_layout(enum AVPixelFormat p) {
  return p == AV_PIX_FMT_YUV420P || p == AV_PIX_FMT_YUVJ420P;
}

// The decoder's picture into a frame of ours; size and pixel format may change from one to the
// next.
static bool convert(struct camera *c, struct frame **out, struct err *e) {
  const AVFrame *p = c->picture;
  enum AVPixelFormat pix = (enum AVPixelFormat)p->format;
  if (!frame_new(out, FRAME_I420, p->width, p->height, e))
    return err_prefix(e, "%s", c->shown);
  struct frame *f = *out;
  bool full = pix == AV_PIX_FMT_YUVJ420P || p->color_range == AVCOL_RANGE_JPEG;
  if (same_layout(pix)) {
    int half_w = (p->width + 1) / 2, half_h = (p->height + 1) / 2;
    av_image_copy_plane(f->plane[0], f->stride[0], p->data[0], p->linesize[0], p->width, p->height);
    av_image_copy_plane(f->plane[1], f->stride[1], p->data[1], p->linesize[1], half_w, half_h);
    av_image_copy_plane(f->plane[2], f->stride[2], p->data[2], p->linesize[2], half_w, half_h);
    if (full)
      frame_range_limit(f);
    return true;
  }
  c->scale = sws_getCachedContext(c->scale, p->width, p->height, pix, p->width, p->height,
                                  AV_PIX_FMT_YUV420P, SWS_POINT, NULL, NULL, NULL);
  const int *bt601 = sws_getCoefficients(SWS_CS_ITU601);
  if (c->scale) // -1: this conversion has no range to set, and needs none
    (void)sws_setColorspaceDetails(c->scale, bt601, full, bt601, 0, 0, 1 << 16, 1 << 16);
  if (!c->scale || sws_scale(c->scale, (const uint8_t *const *)p->data, p->linesize, 0, p->height,
                             f->plane, f->stride) != p->height) {
    const char *name = av_get_pix_fmt_name(pix);
    frame_unref(f);
    return err_set(e, ERR_FORMAT, "%s: pixels of kind %s cannot be converted", c->shown,
                   name ? name : "unknown");
  }
  return true;
}

// Time of the picture since the recording began, over all loops; pictures without one follow the
// last.
static void set_media_time(struct camera *c) {
  int64_t next = c->seq == 0 ? 0 : c->media_ns + c->frame_ns;
  int64_t pts = c->picture->best_effort_timestamp;
  if (pts != AV_NOPTS_VALUE) {
    if (c->first_pts == AV_NOPTS_VALUE)
      c->first_pts = pts;
    int64_t at =
        c->loop_ns + av_rescale_q(pts - c->first_pts, c->format->streams[c->stream]->time_base,
                                  (AVRational){1, (int)CLOCK_NS_PER_S});
    // A jump of the time stamps must not stop the clip or run it backwards.
    if (at >= c->media_ns && at < next + 10 * CLOCK_NS_PER_S)
      next = at;
  }
  c->media_ns = next;
}

static enum camera_next deliver(struct camera *c, struct frame **out, struct err *e) {
  struct frame *f = NULL;
  if (!convert(c, &f, e))
    return CAMERA_ERROR;
  if (c->live) {
    camera_stamp_now(&c->config, f);
  } else {
    set_media_time(c);
    if (!camera_pace(&c->pace, &c->config, c->media_ns, f, e)) {
      frame_unref(f);
      return CAMERA_ERROR;
    }
  }
  f->seq = c->seq++;
  *out = f;
  return CAMERA_FRAME;
}

// Back to the first picture of a file: opened anew, as not every kind can be wound back to its very
// beginning. A file without any picture is not tried for ever.
static bool rewind_file(struct camera *c, struct err *e) {
  if (c->seq == c->seq_loop)
    return err_set(e, ERR_FORMAT, "%s: holds no pictures", c->shown);
  avcodec_free_context(&c->codec);
  avformat_close_input(&c->format);
  c->draining = false;
  c->seq_loop = c->seq;
  c->loop_ns = c->media_ns + c->frame_ns;
  c->first_pts = AV_NOPTS_VALUE;
  return open_input(c, e);
}

// Did a file end before its header says it does? Some kinds pass over the last broken picture.
static bool ended_early(const struct camera *c) {
  const AVStream *s = c->format->streams[c->stream];
  if (c->format->duration_estimation_method != AVFMT_DURATION_FROM_STREAM)
    return false;
  int64_t says = 0;
  if (s->duration > 0)
    says = av_rescale_q(s->duration, s->time_base, (AVRational){1, (int)CLOCK_NS_PER_S});
  else if (c->format->nb_streams == 1 && c->format->duration > 0)
    says = c->format->duration * (CLOCK_NS_PER_S / AV_TIME_BASE);
  return c->media_ns + (1 + EARLY_FRAMES) * c->frame_ns < c->loop_ns + says;
}

static void cut_short(struct camera *c, struct err *e) {
  err_set(e, ERR_FORMAT, "%s: cut short: it ends in the middle of picture %llu", c->shown,
          (unsigned long long)(c->seq - c->seq_loop) + 1);
}

// Feeds the decoder one packet, or its end. False: e is set.
static bool feed(struct camera *c, struct err *e) {
  int rc = av_read_frame(c->format, c->packet);
  if (rc == AVERROR_EOF || (rc < 0 && !c->live && c->format->pb && c->format->pb->eof_reached)) {
    if (c->live)
      return err_set(e, ERR_NET, "%s: the other side ended the stream", c->shown);
    c->corrupt = c->corrupt || rc != AVERROR_EOF;
    c->draining = true;
    rc = avcodec_send_packet(c->codec, NULL);
    return rc >= 0 || rc == AVERROR_EOF || fail(c, rc, "decode", 0, e);
  }
  if (rc < 0)
    return fail(c, rc, "read", c->config.read_ms, e);
  if (c->packet->stream_index == c->stream) {
    bool broken = (c->packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
    rc = broken ? 0 : avcodec_send_packet(c->codec, c->packet);
    // One bad packet is the network's or the disk's; it is passed over, and at the end of a file
    // told.
    c->corrupt = broken || rc < 0;
  }
  av_packet_unref(c->packet);
  return true;
}

static enum camera_next ff_next(struct camera *c, struct frame **out, struct err *e) {
  limit(c, c->config.read_ms);
  for (int packets = 0; packets < PACKETS_WITHOUT_FRAME;) {
    if (camera_cancelled(&c->config)) {
      fail(c, 0, "read", 0, e);
      return CAMERA_ERROR;
    }
    int rc = avcodec_receive_frame(c->codec, c->picture);
    if (rc == 0) {
      enum camera_next got = deliver(c, out, e);
      av_frame_unref(c->picture);
      return got;
    }
    if (rc == AVERROR_EOF || c->draining) {
      if (c->corrupt || ended_early(c)) {
        cut_short(c, e);
        return CAMERA_ERROR;
      }
      if (!c->config.loop)
        return CAMERA_END;
      if (!rewind_file(c, e))
        return CAMERA_ERROR;
      continue;
    }
    if (rc != AVERROR(EAGAIN))
      c->corrupt = true;
    if (!feed(c, e))
      return CAMERA_ERROR;
    packets++;
  }
  err_set(e, ERR_FORMAT, "%s: %d packets without one picture", c->shown, PACKETS_WITHOUT_FRAME);
  return CAMERA_ERROR;
}

const struct camera_ops camera_stream = {"stream", true, stream_open, ff_next, ff_close, NULL};
const struct camera_ops camera_file = {"file", false, file_open, ff_next, ff_close, NULL};

// SPDX-License-Identifier: Apache-2.0
// Pictures from files, and bayplate-read on files that are none.
#include "tools/picture.h"
#include "tools/picture_formats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <turbojpeg.h>

static char dir[] = "/tmp/bayplate-picture-XXXXXX";
static char path[256];

static int setup(void **state) {
  (void)state;
  return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  char command[300];
  (void)snprintf(command, sizeof command, "rm -r %s", dir);
  return system(command);
}

static const char *put(const char *name, const void *data, size_t bytes) {
  (void)snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, bytes, f), bytes);
  assert_int_equal(fclose(f), 0);
  return path;
}

// A textured JPEG of 64x48; the top left quarter is white. The caller frees it with tjFree().
static unsigned char *jpeg(int format, unsigned long *bytes) {
  static uint8_t px[64 * 48 * 4];
  const int channels = tjPixelSize[format];
  for (int y = 0; y < 48; y++)
    for (int x = 0; x < 64; x++)
      for (int c = 0; c < channels; c++)
        px[(y * 64 + x) * channels + c] =
            (uint8_t)(x < 32 && y < 24 ? 255 : 40 + (x * 37 + y * 11) % 60);
  unsigned char *out = NULL;
  tjhandle tj = tjInitCompress();
  assert_int_equal(tjCompress2(tj, px, 64, 0, 48, format, &out, bytes,
                               format == TJPF_GRAY ? TJSAMP_GRAY : TJSAMP_444, 95, 0),
                   0);
  assert_int_equal(tjDestroy(tj), 0);
  return out;
}

static void colour_grey_and_cmyk_jpegs_load(void **state) {
  (void)state;
  static const int formats[] = {TJPF_BGR, TJPF_GRAY, TJPF_CMYK};
  for (size_t i = 0; i < 3; i++) {
    unsigned long n = 0;
    unsigned char *j = jpeg(formats[i], &n);
    struct picture p;
    struct err e = {0};
    assert_true(picture_decode(&p, j, n, &e));
    assert_int_equal(p.view.width, 64);
    assert_int_equal(p.view.height, 48);
    assert_true(p.pixels[3 * (5 * 64 + 5)] > 240);
    picture_free(&p);
    tjFree(j);
  }
}

static void exif_orientation_turns_the_picture(void **state) {
  (void)state;
  unsigned long n = 0;
  unsigned char *j = jpeg(TJPF_BGR, &n);
  static const uint8_t exif[] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0,    0, 'I', 'I',
                                 42,   0,    8, 0,  0,   0,   1,   0,   0x12, 1, 3,   0,
                                 1,    0,    0, 0,  6,   0,   0,   0,   0,    0, 0,   0};
  uint8_t *with = malloc(n + sizeof exif);
  assert_non_null(with);
  memcpy(with, j, 2);
  memcpy(with + 2, exif, sizeof exif);
  memcpy(with + 2 + sizeof exif, j + 2, n - 2);
  assert_int_equal(picture_orientation(with, n + sizeof exif), 6);
  struct picture p;
  struct err e = {0};
  assert_true(picture_decode(&p, with, n + sizeof exif, &e));
  assert_int_equal(p.view.width,
                   48); // 6: to be turned clockwise; the white corner is then top right
  assert_int_equal(p.view.height, 64);
  assert_true(p.pixels[3 * (5 * 48 + 42)] > 240);
  assert_true(p.pixels[3 * (5 * 48 + 5)] < 140);
  picture_free(&p);
  for (size_t cut = 0; cut < sizeof exif + 2; cut++)
    assert_in_range(picture_orientation(with, cut), 1, 8);
  free(with);
  tjFree(j);
}

static void png_and_bmp_load(void **state) {
  (void)state;
  struct picture p, q;
  struct err e = {0};
  assert_true(picture_new(&p, 5, 3, &e));
  for (int i = 0; i < 45; i++)
    p.pixels[i] = (uint8_t)(5 * i);
  (void)snprintf(path, sizeof path, "%s/a.png", dir);
  assert_true(picture_write_png(&p, path, &e));
  assert_true(picture_load(&q, path, &e));
  assert_memory_equal(p.pixels, q.pixels, 45);
  picture_free(&q);
  uint8_t bmp[54 + 3 * 16] = {
      'B', 'M', [10] = 54, [14] = 40, [18] = 5, [22] = 3, [26] = 1, [28] = 24};
  for (int y = 0; y < 3; y++)
    memcpy(bmp + 54 + 16 * (2 - y), p.pixels + 15 * y, 15);
  assert_true(picture_decode(&q, bmp, sizeof bmp, &e));
  assert_memory_equal(p.pixels, q.pixels, 45);
  picture_free(&q);
  assert_true(picture_decode(&q, bmp, sizeof bmp - 1, &e)); // its last row is the top one
  assert_non_null(strstr(q.damage, "2 of 3 lines"));
  assert_memory_equal(p.pixels + 15, q.pixels + 15, 30);
  picture_free(&q);
  assert_false(picture_decode(&q, bmp, 60, &e));
  assert_non_null(strstr(e.text, "before its pixels"));
  memset(bmp + 18, 0xFF, 8); // -1 x -1
  assert_false(picture_decode(&q, bmp, sizeof bmp, &e));
  memset(bmp + 18, 0x70, 8); // two thousand million
  assert_false(picture_decode(&q, bmp, sizeof bmp, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  picture_free(&p);
}

static void every_cut_of_a_file_is_told(void **state) {
  (void)state;
  unsigned long n = 0;
  unsigned char *j = jpeg(TJPF_BGR, &n);
  struct picture p;
  int in_part = 0;
  for (unsigned long cut = 0; cut < n - 64; cut += 37) {
    struct err e = {0};
    const bool ok = picture_decode(&p, j, cut, &e);
    if (ok ? !p.damage[0] : !e.text[0])
      fail_msg("JPEG of %lu bytes cut to %lu was read as if whole", n, cut);
    in_part += ok;
    if (ok)
      assert_true(p.pixels[3 * (5 * 64 + 5)] > 240); // what is there is seen
    picture_free(&p);
  }
  assert_true(in_part > 5);
  struct err e = {0};
  assert_true(picture_decode(&p, j, n - 2, &e)); // only the end marker is missing
  assert_string_equal(p.damage, "");
  picture_free(&p);
  tjFree(j);
  assert_true(picture_new(&p, 200, 200, &e));
  uint32_t random = 1;
  for (size_t i = 0; i < 3 * 200 * 200; i++)
    p.pixels[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
  (void)snprintf(path, sizeof path, "%s/cut.png", dir);
  assert_true(picture_write_png(&p, path, &e));
  static uint8_t png[1 << 18];
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  const size_t bytes = fread(png, 1, sizeof png, f);
  assert_int_equal(fclose(f), 0);
  assert_int_equal(remove(path), 0);
  struct picture q;
  if (!picture_decode(&q, png, bytes - 8300, &e))
    fail_msg("%zu bytes: %s", bytes, e.text);
  // libpng takes 8 KiB at a time
  assert_non_null(strstr(q.damage, "damaged PNG"));
  assert_memory_equal(q.pixels, p.pixels, 600);
  picture_free(&q);
  picture_free(&p);
  assert_false(picture_decode(&p, png, 40, &e));
}

// --- the program
// ---------------------------------------------------------------------------------------------------

// Runs bayplate-read; returns its exit status, and its output in `out`.
static int run(const char *arguments, char *out, size_t room) {
  char command[1024];
  (void)snprintf(command, sizeof command, "%s/tools/bayplate-read %s 2>&1", BAYPLATE_BINARY_DIR,
                 arguments);
  FILE *f = popen(command, "r");
  assert_non_null(f);
  const size_t n = fread(out, 1, room - 1, f);
  out[n] = '\0';
  return WEXITSTATUS(pclose(f));
}

static void bad_files_get_error_lines_and_the_rest_goes_on(void **state) {
  (void)state;
  static const uint8_t huge[] = {
      0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0x80, 0xFF, 0x80, 0xFF, 3, 1,    0x11, 0,  2, 0x11, 0,   3,
      0x11, 0,    0xFF, 0xDA, 0, 12, 3, 1,    0,    2,    0x11, 3, 0x11, 0,    63, 0, 0xFF, 0xD9};
  unsigned long n = 0;
  unsigned char *j = jpeg(TJPF_BGR, &n);
  char bad[6][256];
  (void)snprintf(bad[0], sizeof bad[0], "%s/missing.jpg", dir);
  memcpy(bad[1], put("empty.jpg", "", 0), 256);
  memcpy(bad[2], put("cut.jpg", j, 700), 256);
  memcpy(bad[3], put("huge.jpg", huge, sizeof huge), 256);
  memcpy(bad[4], put("text.jpg", "no picture", 10), 256);
  memcpy(bad[5], put("half.png", "\x89PNG\r\n\x1A\n", 8), 256);
  static const char *const says[6] = {"No such file", "empty", "damaged JPEG",
                                      "at most",      "is no", "damaged PNG"};
  put("good.jpg", j, n);
  uint8_t one[58] = {'B', 'M', [10] = 54, [14] = 40, [18] = 1, [22] = 1, [26] = 1, [28] = 24};
  put("one.bmp", one, sizeof one);
  tjFree(j);
  char arguments[2048] = "", out[16384];
  size_t used = 0;
  for (int i = 0; i < 6; i++)
    used += (size_t)snprintf(arguments + used, sizeof arguments - used, "%s ", bad[i]);
  (void)snprintf(arguments + used, sizeof arguments - used, "%s/good.jpg %s/one.bmp", dir, dir);
  assert_int_equal(run(arguments, out, sizeof out), 1);
  const char *line = out;
  for (int i = 0; i < 8; i++) {
    json_t *o = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(o);
    if (i < 6) {
      const char *text = json_string_value(json_object_get(o, "error"));
      if (!text || !strstr(text, says[i]))
        fail_msg("%s: \"%s\" does not say \"%s\"", bad[i], text ? text : "", says[i]);
      assert_string_equal(json_string_value(json_object_get(o, "file")), bad[i]);
    } else {
      assert_int_equal(json_array_size(json_object_get(o, "plates")), 0);
      assert_true(json_is_number(json_object_get(json_object_get(o, "ms"), "detect")));
    }
    json_decref(o);
    line = strchr(line, '\n') + 1;
  }
}

static void a_folder_is_read_in_order(void **state) {
  (void)state;
  char out[16384], arguments[300];
  (void)snprintf(arguments, sizeof arguments, "--crop %s", dir);
  assert_int_equal(run(arguments, out, sizeof out), 1);
  const char *a = strstr(out, "a.png"), *c = strstr(out, "cut.jpg"), *g = strstr(out, "good.jpg");
  assert_true(a && c && g && a < c && c < g);
}

static void wrong_use_exits_2(void **state) {
  (void)state;
  char out[4096];
  assert_int_equal(run("", out, sizeof out), 2);
  assert_non_null(strstr(out, "--help"));
  assert_int_equal(run("--threads 0 x.jpg", out, sizeof out), 2);
  assert_int_equal(run("--frobnicate x.jpg", out, sizeof out), 2);
  assert_int_equal(run("--models /nowhere x.jpg", out, sizeof out), 2);
  assert_non_null(strstr(out, "/nowhere/detector.json"));
  assert_int_equal(run("--help", out, sizeof out), 0);
  assert_non_null(strstr(out, "examples:"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(colour_grey_and_cmyk_jpegs_load),
      cmocka_unit_test(exif_orientation_turns_the_picture),
      cmocka_unit_test(png_and_bmp_load),
      cmocka_unit_test(every_cut_of_a_file_is_told),
      cmocka_unit_test(bad_files_get_error_lines_and_the_rest_goes_on),
      cmocka_unit_test(a_folder_is_read_in_order),
      cmocka_unit_test(wrong_use_exits_2),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}

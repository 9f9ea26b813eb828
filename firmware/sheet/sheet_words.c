// SPDX-License-Identifier: Apache-2.0
#include "firmware/sheet/sheet_words.h"

#include <stddef.h>
#include <string.h>

static const struct sheet_word words[] = {
    {"width", "车牌宽度", "Plate width"},
    {"height", "车牌高度", "Plate height"},
    {"roll", "画面倾斜", "Tilt"},
    {"slant", "斜视角度", "Viewing angle"},
    {"sharpness", "边缘宽度（清晰度）", "Edge width (sharpness)"},
    {"smear", "行车拖影", "Motion smear"},
    {"contrast", "车牌对比度", "Plate contrast"},
    {"glare", "车牌反光", "Glare on plate"},
    {"exposure", "画面亮度", "Brightness"},
    {"bright", "过曝面积", "Burnt-out area"},
    {"good", "合格", "good"},
    {"fair", "可用", "fair"},
    {"bad", "不合格", "bad"},
    {"none", "未测", "not measured"},
    {"px", "像素", "px"},
    {"deg", "°", "deg"},
    {"%", "%", "%"},
    {"luma", "灰度", "luma"},
    {"marks", "画面中有固定的类车牌文字", "Something like a plate stands in the picture"},
    {"direction", "进出方向测试未通过", "Direction test not passed"},
    {"cars", "五辆测试车未完成", "Five test cars not done"},
    {"clock", "时钟不可信", "Clock not trusted"},
};

struct sheet_word sheet_word(const char *key) {
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcmp(words[i].key, key) == 0)
      return words[i];
  }
  return (struct sheet_word){key, key, key};
}

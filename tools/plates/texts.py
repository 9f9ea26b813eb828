# SPDX-License-Identifier: Apache-2.0
"""What stands on the plates of GA 36-2018: symbols, types, and random valid texts."""

PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
DIGITS = "0123456789"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # I stands on no plate; O, second on few, looks like the figure (vision/grammar.h)
SPECIAL = "使领港澳学挂警应急"
SYMBOLS = list(PROVINCES + SPECIAL + DIGITS + LETTERS)
TYPES = ["blue", "green", "green_large", "yellow", "yellow2", "white", "white2", "black"]
DOUBLE = ("yellow2", "white2")
ENERGY = "DFABCEGHJK"  # GA 36-2018: D and F first, the others since they ran out
MILITARY = "ABCDEGHJKLNSVYZ"  # arms and regions, of all series since 2012; the second letter is free


def pick(rng, s):
    return s[int(rng.integers(len(s)))]


def digits(rng, n):
    return "".join(pick(rng, DIGITS) for _ in range(n))


def serial(rng, n, letters):
    """n digits of which up to `letters` are replaced by letters, at random places."""
    out = list(digits(rng, n))
    for i in rng.permutation(n)[: int(rng.integers(0, letters + 1))]:
        out[int(i)] = pick(rng, LETTERS)
    return "".join(out)


def random_plate(rng, ptype, province=None, letters=2):
    """A valid text of this type. rng: numpy Generator. province: fixed one, or None for all equally often.

    letters: most letters among the serial's characters (the standard allows 2; training asks for more so that each
    letter is seen as often as a digit)."""
    p = province or pick(rng, PROVINCES)
    c = p + pick(rng, LETTERS)
    r = rng.random()
    if ptype == "blue":
        return c + serial(rng, 5, letters)
    if ptype == "green":
        e = pick(rng, ENERGY[:2] if r < 0.6 else ENERGY)
        return c + e + (pick(rng, LETTERS) if rng.random() < 0.4 else digits(rng, 1)) + digits(rng, 4)
    if ptype == "green_large":
        return c + digits(rng, 5) + pick(rng, ENERGY[:2] if r < 0.6 else ENERGY)
    if ptype == "yellow":
        return c + (serial(rng, 4, min(letters, 2)) + "学" if r < 0.4 else serial(rng, 5, letters))
    if ptype == "yellow2":
        return c + (serial(rng, 4, min(letters, 2)) + "挂" if r < 0.4 else serial(rng, 5, letters))
    if ptype == "white":
        if r < 0.28:
            return c + serial(rng, 4, 1) + "警"
        if r < 0.37:
            return p + pick(rng, "XS") + digits(rng, 4) + "应急"
        if r < 0.86:
            if r < 0.41:
                return "WJ" + digits(rng, 5)  # headquarters: no province
            return "WJ" + p + digits(rng, 4) + (pick(rng, LETTERS) if rng.random() < 0.5 else digits(rng, 1))
        return pick(rng, MILITARY) + pick(rng, LETTERS) + digits(rng, 5)
    if ptype == "white2":
        if r < 0.7:
            return "WJ" + p + digits(rng, 4) + (pick(rng, LETTERS) if rng.random() < 0.5 else digits(rng, 1))
        return pick(rng, MILITARY) + pick(rng, LETTERS) + digits(rng, 5)
    if ptype == "black":
        if r < 0.2:
            return "使" + digits(rng, 6)
        if r < 0.35:
            return digits(rng, 6) + "使"
        if r < 0.6:
            return c + digits(rng, 4) + "领"
        if r < 0.82:
            return "粤Z" + serial(rng, 4, 2) + pick(rng, "港澳")
        return c + serial(rng, 5, letters)  # the old black plate of foreign-owned cars
    raise ValueError(f"no plate type {ptype!r}; known: {', '.join(TYPES)}")

# An image of U-Boot's older kind: its size, without the header's 64 bytes, stands at byte 12, highest byte first.
setexpr d @LOAD@ + 0xc
setexpr.l c *${d}
setexpr b0 ${c} / 0x1000000
setexpr b1 ${c} / 0x10000
setexpr b1 ${b1} % 0x100
setexpr b2 ${c} / 0x100
setexpr b2 ${b2} % 0x100
setexpr b3 ${c} % 0x100
setexpr b1 ${b1} * 0x100
setexpr b2 ${b2} * 0x10000
setexpr b3 ${b3} * 0x1000000
setexpr blocks ${b0} + ${b1}
setexpr blocks ${blocks} + ${b2}
setexpr blocks ${blocks} + ${b3}
setexpr blocks ${blocks} + 0x240
setexpr blocks ${blocks} / 0x200
if itest 0x${blocks} <= 0x1c000; then
  @DEVICE@ read @LOAD@ ${k0} ${blocks}
  bootm @LOAD@
fi

# A signed FIT, as long as its header says. The device tree is U-Boot's own: the board's firmware made it for this one board.
if fdt addr @LOAD@; then
  fdt header get fitsize totalsize
  setexpr blocks ${fitsize} / 0x200
  setexpr blocks ${blocks} + 1
  @DEVICE@ read @LOAD@ ${k0} ${blocks}
  # Copied, as it grows: some boards' defaults let it grow over what lies behind it.
  setenv fdt_high
  bootm @LOAD@#conf @LOAD@#conf ${fdtcontroladdr}
fi

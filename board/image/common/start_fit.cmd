# A signed FIT, as long as its header says. @FDT@: a device tree from elsewhere than the FIT.
if fdt addr @LOAD@; then
  fdt header get fitsize totalsize
  setexpr blocks ${fitsize} / 0x200
  setexpr blocks ${blocks} + 1
  @DEVICE@ read @LOAD@ ${k0} ${blocks}
  setenv fdt_addr "@FDT@"
  if test -n "${fdt_addr}"; then bootm @LOAD@#conf @LOAD@#conf ${fdt_addr}; else bootm @LOAD@#conf; fi
fi

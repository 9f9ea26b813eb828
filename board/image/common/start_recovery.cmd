# Neither slot can be started: a recovery system is asked for on the service port's interface @ETH@, and on no other one. Only one
# that is signed as the slots' kernels are is started; its configuration is named after the board, so that
# neither a slot's kernel nor another board's recovery system passes for it.
setenv autoload no
setenv netretry no
setenv ethrotate no
setenv bootpretryperiod 5000
setenv tftptimeout 1000
setenv tftptimeoutcountmax 20
# The service port's own server names no other one.
setenv serverip 10.213.77.1
setenv bootargs @ARGS@ ${common_args} rauc.external bayplate.recovery
for ask in 1 2 3; do
  # U-Boot would take any interface when this one is missing.
  if env exists @ETHADDR@; then
    setenv ethact @ETH@
    echo bayplate: neither slot starts, asking for a recovery system, ${ask} of 3
    if dhcp; then
      if tftpboot @LOAD@ bayplate-@BOARD@-recovery.itb; then
        # bootm would start an image of the older kind, which nobody signs.
        if itest.l *@LOAD@ == 0xedfe0dd0; then
          setenv built 0
          fdt addr @LOAD@
          fdt get value built /configurations/recovery-@BOARD@ built
          # Signed with the rest of the configuration: what was good once and is old now is not taken back.
          if itest ${built} < ${RECOVERY_BUILT}; then
            echo bayplate: no recovery system of this board, or older than the last good slot
          else
            setenv fdt_high
            bootm @LOAD@#recovery-@BOARD@ @LOAD@#recovery-@BOARD@ ${fdtcontroladdr}
          fi
        fi
        echo bayplate: the recovery system was refused
      fi
    fi
    sleep 2
  fi
done

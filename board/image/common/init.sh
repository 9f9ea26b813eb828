#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# Initramfs: finds this slot's root partition, opens it with dm-verity (its hash is in this archive, whose signature the
# boot loader has checked), starts systemd in it. Whatever fails restarts the board: the boot loader counts the tries.
/bin/busybox mkdir -p /dev /proc /sys
export PATH=/bin
alias bb=/bin/busybox
bb mount -t proc proc /proc
bb mount -t sysfs sys /sys
bb mount -t devtmpfs dev /dev

fail() {
  echo "bayplate: slot $slot: $1; the board restarts"
  bb sleep 3
  bb reboot -f
  bb sleep 60
}

slot=
for word in $(bb cat /proc/cmdline); do
  case $word in rauc.slot=*) slot=${word#rauc.slot=} ;; esac
done
for module in $(bb cat /modules.order); do
  bb insmod "$module" || echo "bayplate: $module was not loaded"
done

# The partition by its name in the GPT: device names depend on what else is plugged in.
find_partition() {
  for event in /sys/class/block/*/uevent; do
    if bb grep -qx "PARTNAME=$1" "$event" 2>/dev/null; then
      event=${event%/uevent}
      part=/dev/${event##*/}
      return 0
    fi
  done
  return 1
}
if [ -e /root.img ]; then
  # The recovery system brings its root along (U-Boot got both by the service port's cable).
  slot=recovery part=/dev/loop0
  bb insmod /loop.ko && bb losetup -r $part /root.img || fail "its root cannot be opened"
else
  tries=0
  until find_partition "root$slot"; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "no partition is called root$slot"
    bb usleep 100000
  done
fi

table=$(bb sed "s#DEVICE#$part#g" /verity.table)
/sbin/dmsetup create root --readonly --noudevsync --table "$table" || fail "dm-verity refused $part"
bb mount -t squashfs -o ro /dev/dm-0 /sysroot || fail "$part cannot be mounted"
# Only tests put this in, to make versions that fail; it is signed like all of this archive.
[ ! -e /test.sh ] || . /test.sh
for folder in proc sys dev; do
  bb mount --move /$folder /sysroot/$folder
done
exec /bin/busybox switch_root /sysroot /usr/lib/systemd/systemd
fail "systemd did not start"

// SPDX-License-Identifier: Apache-2.0
// What the service port takes of lwIP 2.1.3, and how much memory it may have. The same on every
// board; what a board adds is arch/cc.h and arch/sys_arch.h. docs/service-port.md has the sum.
#ifndef BAYPLATE_NET_LWIP_LWIPOPTS_H
#define BAYPLATE_NET_LWIP_LWIPOPTS_H

// A threaded core behind one lock; every call into it is checked to hold the lock.
#define NO_SYS 0
#define SYS_LIGHTWEIGHT_PROT 1
#define LWIP_TCPIP_CORE_LOCKING 1
#define LWIP_TCPIP_CORE_LOCKING_INPUT 0
#define LWIP_NETCONN 1
#define LWIP_SOCKET 0
#define LWIP_SO_RCVTIMEO 1
#define LWIP_SO_SNDTIMEO 1
#define LWIP_NETIF_API 0
#define TCPIP_THREAD_NAME "lwip"
#define TCPIP_THREAD_STACKSIZE 16384
#define TCPIP_THREAD_PRIO 3
#define DEFAULT_THREAD_STACKSIZE 16384
#define DEFAULT_THREAD_PRIO 3
#define TCPIP_MBOX_SIZE 64
#define DEFAULT_TCP_RECVMBOX_SIZE 16
#define DEFAULT_UDP_RECVMBOX_SIZE 4
#define DEFAULT_RAW_RECVMBOX_SIZE 4
#define DEFAULT_ACCEPTMBOX_SIZE 4

// Exactly one link, and nothing is ever forwarded or put together from fragments: our datagrams fit
// a frame, so fragments can only be an attack.
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ARP 1
#define LWIP_ETHERNET 1
#define LWIP_SINGLE_NETIF 1
#define IP_FORWARD 0
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define IP_OPTIONS_ALLOWED 0
#define LWIP_IPV6_FORWARD 0
#define LWIP_IPV6_REASS 0
#define LWIP_IPV6_FRAG 0
#define IPV6_FRAG_COPYHEADER 1 // wanted by lwIP where pointers are 64 bits wide
#define LWIP_RAW 0
#define LWIP_DNS 0
#define LWIP_DHCP 0 // we answer DHCP, we do not ask

// Addresses: AutoIP and IPv6 link-local. No router is looked for, no router's word is taken.
#define LWIP_AUTOIP 1
#define LWIP_IGMP 1
#define LWIP_IPV6_MLD 1
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_ND6_ALLOW_RA_UPDATES 0
#define LWIP_IPV6_DHCP6 0
// A laptop that wants an address has none yet: its question comes from 0.0.0.0, at whatever state
// our own address is in.
#define LWIP_IP_ACCEPT_UDP_PORT(port) ((port) == PP_HTONS(67))

#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
#define LWIP_NUM_NETIF_CLIENT_DATA 1
#define LWIP_NETIF_HOSTNAME 0
#define LWIP_MDNS_RESPONDER 1
#define MDNS_MAX_SERVICES 1

// Memory. MTU 1500 everywhere, and TCP_MSS to match (IPv6 leaves 20 bytes less; lwIP subtracts
// them).
#define MEM_ALIGNMENT 8
#define ETH_PAD_SIZE 2 // puts the IP header on a multiple of four
#if defined(BAYPLATE_LWIP_MALLOC) && BAYPLATE_LWIP_MALLOC
// Every piece by malloc, so that AddressSanitizer sees one byte too many in any of them.
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#else
#define MEM_LIBC_MALLOC 0
#define MEMP_MEM_MALLOC 0
#endif
#if defined(BAYPLATE_LWIP_FUZZ) && BAYPLATE_LWIP_FUZZ
// A fuzzer would seldom get a check sum right.
#define CHECKSUM_CHECK_IP 0
#define CHECKSUM_CHECK_UDP 0
#define CHECKSUM_CHECK_TCP 0
#define CHECKSUM_CHECK_ICMP 0
#define CHECKSUM_CHECK_ICMP6 0
#endif
#define MEM_SIZE (96 * 1024)
#define PBUF_POOL_SIZE 48
#define MEMP_NUM_PBUF 48
#define MEMP_NUM_TCP_PCB 10
#define MEMP_NUM_TCP_PCB_LISTEN 2
#define MEMP_NUM_TCP_SEG 64
#define MEMP_NUM_UDP_PCB 5 // mDNS, DHCP, TFTP and its one transfer, one spare
#define MEMP_NUM_NETCONN 10
#define MEMP_NUM_NETBUF 2
#define MEMP_NUM_TCPIP_MSG_INPKT 64
#define MEMP_NUM_TCPIP_MSG_API 8
// lwIP's own timers, and: mDNS probing, TFTP's transfer, the service's tick, one spare. lwIP counts
// none of its applications' timers, and an empty pool is an assertion.
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 4)
#define TCP_MSS 1460
#define TCP_WND (8 * TCP_MSS)
#define TCP_SND_BUF (8 * TCP_MSS)
#define TCP_SND_QUEUELEN 32
#define TCP_LISTEN_BACKLOG 1
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_PBUFS 8 // of one connection: the pool is shared
#define ARP_TABLE_SIZE 6
#define ARP_QUEUEING 0
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define LWIP_ND6_NUM_NEIGHBORS 6
#define LWIP_ND6_NUM_DESTINATIONS 6
#define LWIP_ND6_QUEUEING 0

// Sequence numbers and ports that a stranger cannot guess.
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) LWIP_RAND()

#define LWIP_STATS 0
#define LWIP_ASSERT_CORE_LOCKED() sys_check_core_locking()
#define LWIP_MARK_TCPIP_THREAD() sys_mark_tcpip_thread()
void sys_check_core_locking(void);
void sys_mark_tcpip_thread(void);

#endif

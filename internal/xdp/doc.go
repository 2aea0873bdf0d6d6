// Package xdp takes UDP packets of some addresses from a network interface before the kernel's
// network stack sees them, and sends the answers past it (AF_XDP), on Linux.
//
// A small program, made of instructions here ([github.com/cilium/ebpf/asm]) and run by the kernel
// for each frame that the interface receives, moves what is for these addresses to a socket of the
// receive queue, and leaves everything else to the kernel. Socket and process share memory of
// frames, and four rings of their places: to be filled, received, to be sent, sent.
//
// The package knows frames and addresses, and nothing of DNS. A [Port] is an interface in use, a
// [Queue] one of its receive queues, and [Parse] and [Build] are the packet layer.
package xdp

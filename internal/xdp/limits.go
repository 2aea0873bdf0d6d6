// Limits: see docs/limits.md.

package xdp

const (
	// maxQueues is how many receive queues an interface may have. Each has frames of its own.
	maxQueues = 64
	// MaxAddresses is how many addresses of an interface are taken, each in one VLAN.
	MaxAddresses = 256

	// frames is how many frames a queue has, and frameSize their size: 8 MiB in all, which the
	// kernel keeps in memory.
	frames    = 4096
	frameSize = 2048
	// ringSize is how many places each ring has, a power of two. No more than half of the frames
	// wait for packets, so that answers have the other half.
	ringSize = frames / 2
	// headroom is what the kernel leaves free in front of a packet that it receives
	// (XDP_PACKET_HEADROOM), and maxReceived the longest frame that then fits. Longer ones are left
	// to the kernel's network stack.
	headroom    = 256
	maxReceived = frameSize - headroom
)

package transport

import (
	"net"

	"golang.org/x/sys/unix"
)

// refuseHandshakes has the kernel drop the SYNs that come to a listening socket from now on. The
// third segment of a handshake under way still passes, so that the backlog only becomes shorter,
// and can be accepted to its end. Those clients send their SYN again, and meet the listener's
// successor.
func refuseHandshakes(s listeningSocket) {
	const flags, syn, ack = 13, 0x02, 0x10 // RFC 9293, section 3.1
	drop := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: syn | ack},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
	}
	l, ok := s.(*net.TCPListener)
	if !ok {
		return
	}
	raw, err := l.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // without the filter a few clients have to connect anew
		_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(drop)), Filter: &drop[0]})
	})
}

//go:build !linux

// UDP where batches and socket options are not known: one socket an address, a packet a system call, and answers from whatever
// address the system picks.

package transport

import (
	"errors"
	"net"

	"bailiwick/wire"
)

// maxSockets is how many sockets may share an address.
const maxSockets = 1

func setUDPOptions(int, string, bool) error { return nil }

// run serves the socket until it is closed.
func (s *udpSocket) run() {
	in, out := make([]byte, 4096), make([]byte, 0, 4096)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(in)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error of an earlier answer
		}
		packet, client, ok := s.introduce(in[:n], from)
		if !ok || len(packet) < wire.HeaderLen {
			continue
		}
		reply, drop := s.handler.Fast(packet, client, out[:0])
		if drop {
			continue
		}
		if reply == nil {
			var now bool
			reply, now = serve(s.handler, packet, client, func(reply []byte) {
				if reply != nil {
					writeUDP(s.conn, reply, nil, from)
				}
			})
			if !now || reply == nil {
				continue
			}
		}
		writeUDP(s.conn, reply, nil, from)
	}
}

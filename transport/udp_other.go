//go:build !linux

// UDP where batches and socket options are not known: one socket an address, a packet a system call, and answers from whatever
// address the system picks.

package transport

import (
	"errors"
	"net"
	"net/netip"

	"bailiwick/wire"
)

// maxSockets is how many sockets may share an address.
const maxSockets = 1

func setUDPOptions(int, string, bool) error { return nil }

// Processors is how many of them the Go scheduler should have for so many cores and UDP sockets.
func Processors(cores, _ int) int { return cores }

// endpoint is what is read from and written to.
type endpoint struct{ *net.UDPConn }

func newEndpoint(c *net.UDPConn) (endpoint, error) { return endpoint{c}, nil }

func (e endpoint) close() { _ = e.Close() } // it is gone either way

// write sends an answer. A full buffer loses packets, as the network does.
func (e endpoint) write(reply []byte, to netip.AddrPort) { _, _ = e.WriteToUDPAddrPort(reply, to) }

// run serves the socket until it is closed.
func (s *udpSocket) run() {
	in, out := make([]byte, 4096), make([]byte, 0, 4096)
	for {
		n, from, err := s.end.ReadFromUDPAddrPort(in)
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
					s.end.write(reply, from)
				}
			})
			if !now || reply == nil {
				continue
			}
		}
		s.end.write(reply, from)
	}
}

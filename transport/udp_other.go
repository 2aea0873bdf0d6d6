//go:build !linux

// UDP on systems without batches and socket options: one socket for an address, one packet for a
// system call, and answers from the address that the system chooses.

package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/wire"
)

// maxSockets is how many sockets may share an address.
const maxSockets = 1

func setUDPOptions(int, string, bool) error { return nil }

// Processors returns how many processors the Go scheduler should have for so many cores.
func Processors(cores int) int { return cores }

// endpoint is a socket of a listener.
type endpoint struct{ *net.UDPConn }

func newEndpoint(c *net.UDPConn) (endpoint, error) { return endpoint{c}, nil }

func (e endpoint) close() { _ = e.Close() } // an error changes nothing

// lastReads is how long packets that have arrived are still read when the listener stops.
const lastReads = 20 * time.Millisecond

func (e endpoint) conn() syscall.Conn { return e.UDPConn }

// write sends an answer. A full buffer loses packets, as the network does.
func (e endpoint) write(reply []byte, to netip.AddrPort) { _, _ = e.WriteToUDPAddrPort(reply, to) }

// teamSize is how many sockets share readers.
const teamSize = 1

// udpTeam is the reader of a socket.
type udpTeam struct {
	listener *udpListener
	end      endpoint
	handler  Handler
}

func newTeam(l *udpListener, ends []endpoint) (*udpTeam, error) {
	return &udpTeam{listener: l, end: ends[0]}, nil
}

func (t *udpTeam) start(h Handler) {
	t.handler = h
	t.listener.wg.Go(func() {
		for open := true; open; { // a panic ends only the packet that caused it
			t.listener.spec.Guard.Run(guard.Listener, func() { t.serve(); open = false })
		}
	})
}

func (t *udpTeam) close() {} // the listener closes the socket

// wake ends the reading soon. Setting a deadline fails on a closed socket only.
func (t *udpTeam) wake() { _ = t.end.SetReadDeadline(time.Now().Add(lastReads)) }

// serve serves the socket until nothing more is to be read.
func (t *udpTeam) serve() {
	in, out := make([]byte, 4096), make([]byte, 0, 4096)
	for {
		n, from, err := t.end.ReadFromUDPAddrPort(in)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			continue // an ICMP error after an earlier answer
		}
		packet, client, ok := t.listener.introduce(in[:n], from)
		if !ok || len(packet) < wire.HeaderLen {
			continue
		}
		reply, result := handle(t.handler, packet, client, out[:0], func() (waiting, bool) {
			return waiting{context.Background(), func(reply []byte) {
				if reply != nil {
					t.end.write(reply, from)
				}
			}, func() {}}, true
		})
		if result == answered {
			t.end.write(reply, from)
		}
	}
}

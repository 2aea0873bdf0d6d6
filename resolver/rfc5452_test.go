package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/lab"
	"bailiwick/transport"
	"bailiwick/wire"
)

// misses returns n replies with other IDs and a forged address.
func misses(q lab.Incoming, n int) (r lab.Reply) {
	for range n {
		m := forged(q)
		m.Id ^= 0x5A5A
		r.Packets = append(r.Packets, lab.Messages(m).Packets...)
	}
	return r
}

// Replies that do not match are counted over all sockets that are open for a question, not for each
// separately: after three the question goes over TCP (RFC 5452, section 9).
func TestRFC5452MismatchesAreCountedOverAllSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := func(n int) lab.Script {
			return func(q lab.Incoming) (lab.Reply, bool) {
				if q.TCP {
					return lab.Reply{}, false
				}
				return misses(q, n), true
			}
		}
		w, zone := pair(script(2), script(1))
		in := newWorld(t, w, nil)
		began := time.Now()
		expectAddress(t, in, "somename."+zone)
		asked := in.transcript()
		udp := 0
		for line := range strings.Lines(asked) {
			if strings.Contains(line, "somename") && !strings.Contains(line, "TCP") {
				udp++
			}
		}
		if udp != 2 || !strings.Contains(asked, "TCP") {
			t.Errorf("%d questions over UDP\n%s", udp, asked)
		}
		if took := time.Since(began); took > 400*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// If replies are forged and TCP is closed, UDP is tried again with a new port and ID; and the
// forged replies are not held against the server.
func TestRFC5452MismatchesWithoutTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attack, guesses := true, 2
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			switch {
			case q.TCP:
				return lab.Reply{Err: transport.ErrUnreachable}, true
			case attack:
				attack = false
				return misses(q, 3), true
			}
			r := misses(q, guesses)
			r.Packets = append(r.Packets, lab.Messages(q.Honest()).Packets...)
			return r, true
		}), nil)
		expectAddress(t, in, "somename.odd.example.")
		guesses = 0
		in.transcript()
		expectAddress(t, in, "another.odd.example.")
		if n := strings.Count(in.transcript(), "\n"); n != 1 {
			t.Errorf("the next takes %d packets", n)
		}
	})
}

// One message about a closed port does not prove that a server is dead which has just replied (RFC
// 5927, section 4: ICMP messages can be forged).
func TestRFC5927OnePortUnreachableIsNoProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attack := false
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			if attack {
				attack = q.TCP
				return lab.Reply{Err: transport.ErrUnreachable}, true
			}
			return lab.Reply{}, false
		}), nil)
		expectAddress(t, in, "firstname.odd.example.")
		attack = true
		expectAddress(t, in, "somename.odd.example.")
		in.transcript()
		expectAddress(t, in, "another.odd.example.")
		if n := strings.Count(in.transcript(), "\n"); n != 1 {
			t.Errorf("the next takes %d packets", n)
		}
	})
}

// A forwarder is asked with RD and CD: the resolver validates itself, and wants data that the
// forwarder takes for bogus as well (RFC 6840, section 5.9).
func TestRFC6840ForwarderIsAskedWithCD(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		asked := 0
		w.Script = func(q lab.Incoming) (lab.Reply, bool) {
			asked++
			flags := q.Query.CheckingDisabled && q.Query.RecursionDesired
			if q.Server == w.Servers()[0] && !flags {
				t.Errorf("flags of\n%v", q.Query)
			}
			return lab.Reply{}, false
		}
		in := forwarding(t, w, w.Servers()[0])
		in.resolve("nic.example.", wire.TypeA)
		if asked == 0 {
			t.Error("nobody was asked")
		}
	})
}

// Scripts: servers that do what one test needs, where no [Fault] fits.

package lab

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Incoming is a query to a scripted server.
type Incoming struct {
	Server netip.Addr
	TCP    bool
	Query  *dns.Msg

	honest func() *dns.Msg
}

// Question returns the one question of the query.
func (in Incoming) Question() dns.Question { return in.Query.Question[0] }

// Honest returns what the server would reply without a script, its faults applied. The script
// may change the message.
func (in Incoming) Honest() *dns.Msg { return in.honest() }

// Reply is what a scripted server does: it sends the packets in order after a delay, or nothing.
type Reply struct {
	Packets [][]byte
	Delay   time.Duration
	// Err is returned in place of packets, as [transport.ErrUnreachable] from a port that is
	// closed. It is for the world in memory; on loopback it is silence.
	Err error
}

// Script replaces the behaviour of servers. It is called for each query, after the query is in
// the transcript; ok is false for queries that are to be answered as usual. Scripts run in
// several goroutines at once.
type Script func(in Incoming) (r Reply, ok bool)

// Path changes what arrives of a server's reply, as the network between does: later, not at all,
// behind packets of somebody else. It is called for each query, in several goroutines at once.
type Path func(in Incoming, r Reply) Reply

// Messages returns a Reply that sends messages at once. It panics on a message that cannot be
// packed.
func Messages(ms ...*dns.Msg) (r Reply) {
	for _, m := range ms {
		r.Packets = append(r.Packets, pack(m))
	}
	return r
}

// After returns the reply with a delay.
func (r Reply) After(d time.Duration) Reply {
	r.Delay = d
	return r
}

// Sign returns a set's signatures as the zone makes them, its faults applied; for records that a
// script makes up.
func (w *World) Sign(zone string, set ...dns.RR) []dns.RR {
	z := w.zones[zone]
	return []dns.RR{z.makeSignature(set, set[0].Header().Name, set[0].Header().Rrtype)}
}

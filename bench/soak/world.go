// The internet behind the server, and what its names are.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// world is an internet on loopback whose servers die and return while time passes.
type world struct {
	*lab.World
	port  uint16
	zones []string // those whose names have a living path at any time
	kinds []kind
	place map[netip.Addr]place // of those that die: not the root's, which is alone
	loss  float64
	began atomic.Pointer[time.Time] // nil while all servers live

	mu   sync.Mutex
	rand *rand.Rand // guarded by mu
}

// place is a server's: the number of its zone, and its own number among the zone's servers.
type place struct{ zone, server int }

const (
	siblings = 2                // servers of a zone
	turn     = 40 * time.Second // in which one of them dies and returns
	dead     = 25 * time.Second // of it
)

// ailment is what a server has.
type ailment uint8

const (
	well ailment = iota
	silent
	failing
	refusing
)

// ailing returns what a server has at a time. At most one server of a zone has anything at once:
// each in its turn, zones one after the other, and another way each time.
func ailing(p place, at time.Duration) ailment {
	at += time.Duration(p.zone) * 7 * time.Second
	n := int(at / turn)
	if at%turn >= dead || n%siblings != p.server {
		return well
	}
	return silent + ailment(n/siblings)%3
}

// path is the network between server and world: it loses replies, and servers that are dead are
// silent or answer with errors.
func (w *world) path(in lab.Incoming, r lab.Reply) lab.Reply {
	began := w.began.Load()
	if began == nil {
		return r
	}
	if p, mortal := w.place[in.Server]; mortal {
		switch ailing(p, time.Since(*began)) {
		case silent:
			return lab.Reply{}
		case failing:
			return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeServerFailure))
		case refusing:
			return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeRefused))
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !in.TCP && w.rand.Float64() < w.loss {
		return lab.Reply{}
	}
	return r
}

// begin starts the time of the servers' deaths.
func (w *world) begin(now time.Time) { w.began.Store(&now) }

// records are those of each zone: data, an alias in the zone and one out of it, a wildcard, and a
// set that does not fit a packet.
const records = `www A 192.0.2.1;;alias CNAME www;;away CNAME www.z0.soak.;;` +
	`*.wild A 192.0.2.2;;a.b.ent A 192.0.2.3;;`

// newWorld makes the internet and serves it until ctx ends.
func newWorld(ctx context.Context, o options) (*world, error) {
	w := &world{World: lab.New(time.Now()), loss: o.loss, place: map[netip.Addr]place{},
		rand: rand.New(rand.NewPCG(o.seed, 1))}
	w.Path = w.path
	big := ""
	for i := range 12 {
		big += fmt.Sprintf(";;big TXT %q", strings.Repeat(string(rune('a'+i)), 200))
	}
	w.add(lab.Zone{Name: "soak.", Denial: lab.NSEC3, TTL: 120})
	for i, z := range []lab.Zone{
		{}, {Denial: lab.NSEC3}, {Algorithm: lab.Unsigned}, {Denial: lab.NSEC3, Iterations: 5},
		{Algorithm: dns.RSASHA256}, {Algorithm: dns.ED25519, Denial: lab.NSEC3OptOut},
		{Algorithm: lab.Unsigned, TTL: 5}, {TTL: 5}, {Algorithm: dns.ECDSAP384SHA384},
		{NoDS: true},
	} {
		z.Name, z.Records = fmt.Sprintf("z%d.soak.", i), records+big
		if z.TTL == 0 {
			z.TTL = 30
		}
		w.zones = append(w.zones, z.Name)
		secure := z.Algorithm != lab.Unsigned && !z.NoDS
		w.add(z)
		w.kinds = append(w.kinds, namesOf(z.Name, secure, i == 5)...)
	}
	// What has no living path or no valid signature fails, and is told so in time.
	w.Add(lab.Zone{Name: "expired.soak.", TTL: 30, Records: records,
		Faults: lab.Faults{lab.Expired}})
	w.Add(lab.Zone{Name: "dead.soak.", TTL: 30, Records: records,
		Servers: []lab.ServerFaults{{lab.Dead}, {lab.Dead}}})
	w.kinds = append(w.kinds,
		kind{"bogus", "www.expired.soak.", dns.TypeA, truth{rcode: dns.RcodeServerFailure}},
		kind{"bogus", "#.expired.soak.", dns.TypeA, truth{rcode: dns.RcodeServerFailure}},
		kind{"dead", "#.dead.soak.", dns.TypeA, truth{rcode: dns.RcodeServerFailure}})
	return w, w.listen(ctx)
}

// add adds a zone with siblings.
func (w *world) add(z lab.Zone) {
	z.Servers = make([]lab.ServerFaults, siblings)
	first := len(w.Servers())
	w.Add(z)
	n := len(w.place) / siblings
	for i, a := range w.Servers()[first:] {
		w.place[a] = place{n, i}
	}
}

// listen finds a port that is free at all addresses.
func (w *world) listen(ctx context.Context) (err error) {
	for range 10 {
		var l net.Listener
		if l, err = net.Listen("tcp", w.Servers()[0].String()+":0"); err != nil {
			return err
		}
		w.port = uint16(l.Addr().(*net.TCPAddr).Port)
		if err = l.Close(); err != nil {
			return err
		}
		attempt, giveUp := context.WithCancel(ctx)
		if err = w.Listen(attempt, w.port); err == nil {
			context.AfterFunc(ctx, giveUp)
			return nil
		}
		giveUp()
	}
	return err
}

// kind is a question that clients ask. A # in its name stands for a number that is new each time.
type kind struct {
	label string
	name  string
	qtype uint16
	truth truth
}

// truth is the right answer.
type truth struct {
	rcode  int
	data   string // in the answer section, as miekg/dns prints RDATA; empty: no data
	secure bool
}

// namesOf returns the questions in a zone. With optOut, that a name does not exist is not secure
// (RFC 5155, 9.2).
func namesOf(zone string, secure, optOut bool) []kind {
	return []kind{
		{"cached", "www." + zone, dns.TypeA, truth{0, "192.0.2.1", secure}},
		{"cached", "www." + zone, dns.TypeA, truth{0, "192.0.2.1", secure}},
		{"alias", "alias." + zone, dns.TypeA, truth{0, "192.0.2.1", secure}},
		{"alias", "away." + zone, dns.TypeA, truth{0, "192.0.2.1", secure}},
		{"new", "n#.wild." + zone, dns.TypeA, truth{0, "192.0.2.2", secure && !optOut}},
		{"new", "n#.wild." + zone, dns.TypeA, truth{0, "192.0.2.2", secure && !optOut}},
		{"new", "n#.wild." + zone, dns.TypeA, truth{0, "192.0.2.2", secure && !optOut}},
		{"absent", "no#." + zone, dns.TypeA, truth{dns.RcodeNameError, "", secure && !optOut}},
		{"no data", "www." + zone, dns.TypeMX, truth{0, "", secure}},
		{"no data", "b.ent." + zone, dns.TypeA, truth{0, "", secure}},
		{"large", "big." + zone, dns.TypeTXT, truth{0, strings.Repeat("c", 200), secure}},
	}
}

// holds returns what is wrong with an answer; empty if it is right.
func (t truth) holds(m *dns.Msg) string {
	if m.Rcode != t.rcode {
		return "RCODE " + dns.RcodeToString[m.Rcode] + reason(m)
	}
	found := t.data == ""
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			if t.data == "" || rr.A.String() != t.data {
				return "address " + rr.A.String()
			}
			found = true
		case *dns.TXT:
			found = found || strings.Join(rr.Txt, "") == t.data
		}
	}
	switch {
	case m.Truncated:
		return "truncated"
	case !found:
		return "no data"
	case m.AuthenticatedData != t.secure:
		return fmt.Sprintf("AD is %v", m.AuthenticatedData)
	}
	return ""
}

// reason returns the Extended DNS Errors of an answer.
func reason(m *dns.Msg) (text string) {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				text += fmt.Sprintf(", EDE %d %s", e.InfoCode, e.ExtraText)
			}
		}
	}
	return text
}

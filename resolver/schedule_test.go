package resolver

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bailiwick/transport"
	"bailiwick/wire"
)

// recording plays recorded events to a schedule, and writes down what it decides.
type recording struct {
	schedule
	servers  []*candidate
	profiles []profile
	began    time.Time
	log      []string
}

// letter names a server in a log.
func (m *recording) letter(c *candidate) string {
	return string(rune('a' + c.addr.Addr().As4()[3]))
}

// try returns the oldest open try of a server, over TCP if that is wanted.
func (m *recording) try(t *testing.T, name string, tcp bool) *try {
	for _, o := range m.open {
		if m.letter(o.c) == name && (!tcp || o.how.reliable()) {
			return o
		}
	}
	t.Fatalf("no try of %s is open", name)
	return nil
}

// decide carries out decisions until the next event is waited for.
func (m *recording) decide(now time.Time) {
	for late := m.overdue(now); late != nil; late = m.overdue(now) {
		m.log = append(m.log, "late "+m.letter(late.c))
		o := observation{what: sawSilence}
		if late.how.reliable() {
			o.what = sawNoTCP
		}
		m.follow(late, o)
	}
	known := func(a netip.AddrPort) profile { return m.profiles[a.Addr().As4()[3]] }
	for {
		d, o, p := m.next(now), offered{}, profile{}
		if d.act == actOffer {
			if o.c, o.planned = d.c, d.c == nil; o.planned {
				o.c = selectServer(m.servers, known, func(n int) int { return n - 1 })
			}
			if o.c == nil {
				d = m.rest(now)
			} else {
				p = known(o.c.addr)
				o.full = form{via: transport.UDP, edns: true}
				d = m.offer(&o, &p, now)
			}
		}
		switch d.act {
		case actSend:
			m.log = append(m.log, d.how.via.String()+" "+m.letter(d.c))
			t := &try{sending: sending{c: d.c, how: d.how, p: p}, plain: d.plain}
			if old := m.start(t, now); old != nil {
				m.log = append(m.log, "close "+m.letter(old.c))
				m.ended(old)
			}
		case actWait:
			m.log = append(m.log, fmt.Sprint("until ", d.until.Sub(m.began).Milliseconds()))
			return
		case actEnd:
			m.log = append(m.log, "end")
			return
		}
	}
}

// follow has the ladder take what came of a try.
func (m *recording) follow(t *try, o observation) {
	if v := t.c.ladder.step(t, o); v.again {
		m.again = append(m.again, t.c)
	}
}

// happens takes an event: what came of a try, and of which server.
func (m *recording) happens(t *testing.T, event, name string, now time.Time) {
	if event == "time" {
		return
	}
	x := m.try(t, name, event == "no TCP")
	m.ended(x)
	switch event {
	case "refused": // REFUSED, or no reply to a TCP handshake
		x.c.spent = true
	case "no TCP":
		m.follow(x, observation{what: sawNoTCP})
	case "truncated":
		m.follow(x, observation{what: sawReply, truncated: true})
	case "FORMERR":
		m.follow(x, observation{what: sawReply, rcode: wire.RCodeFormErr})
	case "guesses":
		m.distrust = true
		for len(m.open) > 0 {
			m.ended(m.open[0])
		}
		m.follow(x, observation{what: sawGuesses})
	case "no descriptor":
		m.unsent(x, now)
	}
	m.useless(x)
}

// near is a server that replies within 10 ms as a rule.
var near = profile{rto: minRTO, base: minRTO, srtt: 10 * time.Millisecond, lately: true}

// unknown is one that was never asked.
var unknown = profile{rto: initialRTO, base: initialRTO}

// moment is an event of a recording, and what has to be done then.
type moment struct {
	at    int // milliseconds
	event string
	of    string // the server
	want  string
}

// The schedule is given events with their times, and its decisions are compared.
func TestSchedule(t *testing.T) {
	backedOff := unknown
	backedOff.rto, backedOff.overdue = 4*initialRTO, true
	dead := unknown
	dead.dead = true
	far := profile{rto: 450 * time.Millisecond, base: 450 * time.Millisecond,
		srtt: 350 * time.Millisecond, lately: true}
	for _, c := range []struct {
		name    string
		set     schedule
		servers []profile
		moments []moment
	}{{
		name:    "RFC 6298: the next server is asked in parallel with one that is late",
		servers: []profile{unknown, unknown},
		moments: []moment{{0, "time", "", "udp a, until 376"}, {376, "time", "",
			"late a, udp b, until 752"}, {400, "time", "", "until 752"},
			{500, "reply", "a", "until 752"}},
	}, {
		name:    "RFC 6298, 5.5: a server whose time was doubled does not hold up the next one",
		servers: []profile{backedOff, backedOff},
		moments: []moment{{0, "time", "", "udp a, until 376"},
			{376, "time", "", "udp b, until 752"}, {752, "time", "", "udp a, until 1128"}},
	}, {
		name:    "RFC 6298: a far server does not delay asking the near one again",
		servers: []profile{near, far},
		moments: []moment{{0, "time", "", "udp a, until 50"}, {50, "time", "",
			"late a, udp b, until 150"}, {150, "time", "", "udp a, until 250"}},
	}, {
		name:    "RFC 9520, 3.1: an address is tried twice over UDP, over TCP, and late once more",
		servers: []profile{near},
		moments: []moment{{0, "time", "", "udp a, until 50"}, {50, "time", "",
			"late a, udp a, until 150"}, {150, "time", "", "late a, tcp a, until 902"},
			{902, "time", "", "late a, until 1000"}, {1000, "time", "", "udp a, until 1300"},
			{1300, "time", "", "late a, until 2500"}, {2500, "time", "", "end"}},
	}, {
		name:    "RFC 7766, 5: TCP that fails takes nothing from UDP",
		servers: []profile{near},
		moments: []moment{{0, "time", "", "udp a, until 50"}, {50, "time", "",
			"late a, udp a, until 150"}, {150, "time", "", "late a, tcp a, until 902"},
			{160, "no TCP", "a", "until 1000"},
			{1000, "time", "", "udp a, until 1300"}},
	}, {
		name:    "maxOutstanding: the oldest gives way",
		servers: []profile{near, near, near, near, near},
		moments: []moment{{0, "time", "", "udp a, until 50"}, {50, "time", "",
			"late a, udp b, until 100"}, {100, "time", "", "late b, udp c, until 150"},
			{150, "time", "", "late c, udp d, until 225"},
			{225, "time", "", "late d, udp e, close a, until 300"}},
	}, {
		name:    "RFC 5452, 9.2: after guesses TCP alone is used",
		servers: []profile{near, near},
		moments: []moment{{0, "time", "", "udp a, until 50"}, {50, "time", "",
			"late a, udp b, until 100"}, {60, "guesses", "a", "tcp a, until 812"},
			{812, "time", "", "late a, udp a, until 962"},
			{962, "time", "", "late a, tcp b, until 1162"}},
	}, {
		name:    "a network that loses packets: two servers are asked at once, others soon",
		set:     schedule{twice: true},
		servers: []profile{unknown, unknown},
		moments: []moment{{0, "time", "", "udp a, until 1"}, {1, "time", "", "udp b, until 101"},
			{101, "time", "", "udp a, until 201"}},
	}, {
		name:    "the same with one server: it gets two packets, and TCP soon",
		set:     schedule{twice: true},
		servers: []profile{unknown},
		moments: []moment{{0, "time", "", "udp a, until 1"}, {1, "time", "", "udp a, until 101"},
			{101, "time", "", "tcp a, until 376"}},
	}, {
		name:    "a forwarder is waited for as long as the budget lasts",
		set:     schedule{forward: true, only: true},
		servers: []profile{near},
		moments: []moment{{0, "time", "", "udp a, until 376"}, {376, "time", "",
			"late a, udp a, until 1128"}, {1128, "time", "", "late a, tcp a, until 1880"},
			{1880, "time", "", "late a, udp a, until 3380"},
			{3380, "time", "", "late a, until 8180"}},
	}, {
		name:    "this machine lacks descriptors: no try counts, and the pause grows",
		servers: []profile{near},
		moments: []moment{{0, "time", "", "udp a, until 50"}, {0, "no descriptor", "a", "until 20"},
			{20, "time", "", "udp a, until 70"}, {20, "no descriptor", "a", "until 60"},
			{60, "time", "", "udp a, until 110"}, {110, "time", "", "late a, udp a, until 210"}},
	}, {
		name:    "RFC 1034, 5.3.3: who refuses while another is open leaves the turn to the next",
		servers: []profile{backedOff, backedOff, backedOff},
		moments: []moment{{0, "time", "", "udp a, until 376"}, {376, "time", "",
			"udp b, until 752"}, {380, "refused", "b", "udp c, until 756"}},
	}, {
		name:    "RFC 1034, 5.3.3: who refuses late does not hasten the others",
		servers: []profile{backedOff, backedOff, backedOff},
		moments: []moment{{0, "time", "", "udp a, until 376"}, {376, "time", "",
			"udp b, until 752"}, {380, "refused", "a", "until 752"}},
	}, {
		name:    "a dead server is asked once, and not waited for when all is over",
		servers: []profile{dead},
		moments: []moment{{0, "time", "", "udp a, until 752"}, {752, "time", "", "late a, end"}},
	}, {
		name:    "RFC 6891, 7: the other form is sent at once",
		servers: []profile{near},
		moments: []moment{{0, "time", "", "udp a, until 50"},
			{10, "FORMERR", "a", "udp a, until 60"}},
	}, {
		name:    "RFC 7766, 5: a truncated reply leads to TCP at once",
		servers: []profile{near, near},
		moments: []moment{{0, "time", "", "udp a, until 50"},
			{10, "truncated", "a", "tcp a, until 762"}},
	}, {
		name:    "a name server's address has less time: the zone has other servers",
		set:     schedule{address: true},
		servers: []profile{near},
		moments: []moment{{0, "time", "", "udp a, until 50"}, {50, "time", "",
			"late a, udp a, until 150"}, {150, "time", "", "late a, tcp a, until 902"},
			{902, "time", "", "late a, end"}},
	}} {
		t.Run(c.name, func(t *testing.T) {
			m := &recording{schedule: c.set, profiles: c.servers,
				began: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
			for i := range c.servers {
				addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
				m.servers = append(m.servers, &candidate{addr: netip.AddrPortFrom(addr, 53)})
			}
			for _, e := range c.moments {
				now := m.began.Add(time.Duration(e.at) * time.Millisecond)
				m.log = nil
				m.happens(t, e.event, e.of, now)
				m.decide(now)
				if got := strings.Join(m.log, ", "); got != e.want {
					t.Errorf("at %d, %s %s: %s; want %s", e.at, e.event, e.of, got, e.want)
				}
			}
		})
	}
}

// A world: zones, servers, paths and clients, as data that can be printed and reduced.

package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// World is an internet and what clients ask in it.
type World struct {
	Seed    uint64
	Zones   []Zone // parents before their children; the root is always there
	Queries []Query
	// Stale reports whether clients may get stale data (RFC 8767).
	Stale     bool
	Negatives []string // negative trust anchors (RFC 7646)
	Stubs     []Stub
	Copies    []string // zones that the server has a copy of (RFC 8806)
	// Revalidate reports whether zones are asked for their own NS sets.
	Revalidate bool
}

// Stub is a zone whose servers the operator has named.
type Stub struct {
	Name  string
	First bool // if they fail, the servers of the delegation are asked
}

// Zone is a zone with its servers.
type Zone struct {
	lab.Zone          // without Records
	Lines    []string // its records, in zone-file form
	Links    []Link   // the paths to its servers, one for each of Servers
	Hostile  hostility
}

// Link is what a network does to the packets of one server.
type Link struct {
	RTT       time.Duration
	Loss      int    // per cent of the questions that bring no reply
	Duplicate bool   // replies come twice
	Guess     bool   // somebody off the path sends a forged reply first, with a guessed ID
	Lucky     forged // somebody's guess for the first packet of each question is right
	Outage    [2]time.Duration
}

// forged is what a forged reply says.
type forged uint8

const (
	forgedNothing forged = iota
	forgedAddress
	forgedDenial
	forgedRefusal
)

// Query is a question of a client.
type Query struct {
	After        time.Duration // the question before it; 0: together with it
	Client       int           // client 2 serves the hostile authorities
	Name         string
	Type         uint16
	TCP          bool
	EDNS, DO, AD bool
	CD, NoRD     bool
	Restart      bool // the server saves what it knows and starts anew before it
}

// hostileClient asks for what the hostile authorities want to be asked for.
const hostileClient = 2

// String returns the world as lines of text.
func (w *World) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\n", w.Seed)
	if w.Stale {
		b.WriteString("stale data are served\n")
	}
	for _, n := range w.Negatives {
		fmt.Fprintf(&b, "negative trust anchor %s\n", n)
	}
	if w.Revalidate {
		b.WriteString("zones are asked for their own NS sets\n")
	}
	for _, n := range w.Copies {
		fmt.Fprintf(&b, "copy of %s\n", n)
	}
	for _, s := range w.Stubs {
		fmt.Fprintf(&b, "stub zone %s first %v\n", s.Name, s.First)
	}
	for i := range w.Zones {
		b.WriteString(w.Zones[i].text())
	}
	for i := range w.Queries {
		fmt.Fprintf(&b, "%d: %s\n", i, &w.Queries[i])
	}
	return b.String()
}

// text returns a zone as lines of text.
func (z *Zone) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "zone %s", z.Name)
	if z.Algorithm == lab.Unsigned {
		b.WriteString(" unsigned")
	} else {
		fmt.Fprintf(&b, " algorithm %d %s", z.Algorithm, denialNames[z.Denial])
		if z.Iterations > 0 {
			fmt.Fprintf(&b, " iterations %d", z.Iterations)
		}
		if z.NoDS {
			b.WriteString(" no DS")
		}
	}
	fmt.Fprintf(&b, " TTL %d minimum %d", z.TTL, z.Minimum)
	if z.On != "" {
		fmt.Fprintf(&b, " on the servers of %s", z.On)
	}
	if z.Hostile != "" {
		fmt.Fprintf(&b, " hostile: %s", z.Hostile)
	}
	if len(z.Faults) > 0 {
		fmt.Fprintf(&b, " faults %v", z.Faults)
	}
	b.WriteByte('\n')
	for i, l := range z.Links {
		fmt.Fprintf(&b, "  server %d %v%s\n", i+1, z.Servers[i], l.text())
	}
	for _, l := range z.Lines {
		fmt.Fprintf(&b, "  %.90s\n", l)
	}
	return b.String()
}

var denialNames = [...]string{"NSEC", "NSEC3", "NSEC3 with opt-out", "compact"}

// text returns what is special of a link.
func (l *Link) text() string {
	s := " rtt " + l.RTT.String()
	if l.Loss > 0 {
		s += fmt.Sprintf(" loss %d %%", l.Loss)
	}
	if l.Duplicate {
		s += " duplicates"
	}
	if l.Guess {
		s += " guesses"
	}
	if l.Lucky != forgedNothing {
		s += [...]string{"", " forged addresses", " forged denials", " forged refusals"}[l.Lucky]
	}
	if l.Outage[1] > 0 {
		s += fmt.Sprintf(" down from %v to %v", l.Outage[0], l.Outage[1])
	}
	return s
}

// String returns the query as a line of text.
func (q *Query) String() string {
	s := fmt.Sprintf("+%v client %d %s %s", q.After, q.Client, q.Name, dns.TypeToString[q.Type])
	for _, f := range []struct {
		set  bool
		name string
	}{{q.TCP, "TCP"}, {q.EDNS, "EDNS"}, {q.DO, "DO"}, {q.AD, "AD"}, {q.CD, "CD"},
		{q.NoRD, "RD=0"}, {q.Restart, "after a restart"}} {
		if f.set {
			s += " " + f.name
		}
	}
	return s
}

// clone returns a deep copy.
func (w *World) clone() *World {
	c := *w
	c.Queries, c.Negatives = slices.Clone(w.Queries), slices.Clone(w.Negatives)
	c.Stubs, c.Copies = slices.Clone(w.Stubs), slices.Clone(w.Copies)
	c.Zones = slices.Clone(w.Zones)
	for i := range c.Zones {
		z := &c.Zones[i]
		z.Lines, z.Links, z.Faults = slices.Clone(z.Lines), slices.Clone(z.Links),
			slices.Clone(z.Faults)
		z.Servers = slices.Clone(z.Servers)
		for j := range z.Servers {
			z.Servers[j] = slices.Clone(z.Servers[j])
		}
	}
	return &c
}

// without returns a copy that lacks a zone, those below it, and those on the servers of either.
func (w *World) without(zone string) *World {
	c := w.clone()
	gone := map[string]bool{zone: true}
	c.Zones = slices.DeleteFunc(c.Zones, func(z Zone) bool {
		for g := range gone {
			if z.Name == g || z.On == g || dns.IsSubDomain(g, z.Name) {
				gone[z.Name] = true
				return true
			}
		}
		return false
	})
	c.Negatives = slices.DeleteFunc(c.Negatives, func(n string) bool { return gone[n] })
	c.Copies = slices.DeleteFunc(c.Copies, func(n string) bool { return gone[n] })
	c.Stubs = slices.DeleteFunc(c.Stubs, func(s Stub) bool { return gone[s.Name] })
	return c
}

// WithoutHostile returns a copy without the hostile zones and the client that asks for them; nil if
// there are none.
func (w *World) WithoutHostile() *World {
	c := w
	for i := range w.Zones {
		if w.Zones[i].Hostile != "" {
			c = c.without(w.Zones[i].Name)
		}
	}
	if c == w {
		return nil
	}
	c.Queries = slices.DeleteFunc(c.Queries, func(q Query) bool {
		return q.Client == hostileClient
	})
	return c
}

// OneByOne reports whether no client asks while another waits.
func (w *World) OneByOne() bool {
	return !slices.ContainsFunc(w.Queries, func(q Query) bool { return q.After == 0 })
}

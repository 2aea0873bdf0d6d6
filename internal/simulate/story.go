// Stories: what was asked and answered in a world, and which rules were broken.

package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
)

// Story is what happened in a world.
type Story struct {
	world *World
	tales []*tale
}

// tale is a question, and what came of it.
type tale struct {
	phase    string
	number   int
	query    *Query
	expected expectation
	alone    bool // no other client asked meanwhile
	tries    []*try
	broken   []string
}

// Failed reports whether a rule was broken.
func (s *Story) Failed() bool {
	return slices.ContainsFunc(s.tales, func(t *tale) bool { return len(t.broken) > 0 })
}

// Questions returns how many questions were asked.
func (s *Story) Questions() int { return len(s.tales) }

// Stale returns how many questions were answered from stale data.
func (s *Story) Stale() (n int) {
	for _, t := range s.tales {
		if t.tries[len(t.tries)-1].told.stale() {
			n++
		}
	}
	return n
}

// String returns the world and all that happened in it.
func (s *Story) String() string {
	var b strings.Builder
	b.WriteString(s.world.String())
	for _, t := range s.ordered() {
		b.WriteString(t.text())
	}
	return b.String()
}

// Broken returns the tales in which a rule was broken, as text.
func (s *Story) Broken() string {
	var b strings.Builder
	for _, t := range s.ordered() {
		if len(t.broken) > 0 {
			b.WriteString(t.text())
		}
	}
	return b.String()
}

// ordered returns the tales in the order of the questions.
func (s *Story) ordered() []*tale {
	ts := slices.Clone(s.tales)
	slices.SortStableFunc(ts, func(a, b *tale) int {
		return cmp.Or(cmp.Compare(a.phase, b.phase), cmp.Compare(a.number, b.number))
	})
	return ts
}

// text returns the tale as lines of text. What was asked of servers is in order of names, for it
// may be asked at the same time.
func (t *tale) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%d: %s: %s\n", t.phase, t.number, t.query, t.expected.class)
	for _, x := range t.tries {
		fmt.Fprintf(&b, "  at %v in %v, %d packets: %s\n", x.at.Round(time.Millisecond),
			x.took.Round(time.Millisecond), x.told.sent, summary(x))
		var lines []string
		for _, e := range x.asked {
			lines = append(lines, exchangeText(e))
		}
		slices.Sort(lines)
		for _, l := range lines {
			fmt.Fprintf(&b, "    %s\n", l)
		}
	}
	for _, x := range t.broken {
		fmt.Fprintf(&b, "  BROKEN: %s\n", x)
	}
	return b.String()
}

func exchangeText(e lab.Exchange) string {
	s := fmt.Sprint(e.Server, " ", e.Name, " ", e.Type)
	if e.TCP {
		s += " TCP"
	}
	return s
}

// summary returns what a client heard.
func summary(x *try) string {
	if x.reply == nil {
		return "nothing"
	}
	s := dns.RcodeToString[x.reply.Rcode]
	if x.reply.AuthenticatedData {
		s += " AD"
	}
	for _, a := range grouped(x.reply.Answer) {
		s += fmt.Sprintf("; %s %s", a.owner, dns.TypeToString[a.rtype])
		if !keyed(a.rtype) {
			s += fmt.Sprint(" ", a.records)
		}
	}
	if f := x.told.failure; f != nil {
		s += fmt.Sprintf(" (%s %s %s)", f.Cause, f.Zone, f.Server)
	} else if x.told.cause != cause.None {
		s += fmt.Sprintf(" (%s)", x.told.cause)
	}
	return s
}

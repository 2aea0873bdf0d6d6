// QNAME minimisation: what the servers on the way learn.

package resolver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// Section 2.1: the type is hidden, too. Without hide_type the servers of example. are asked for MX
// of secure.example.; with it they are asked for A, and only those of the zone itself for MX. A
// name with an alias, and one that does not exist, resolve all the same, in the strict mode too.
func TestRFC9156HideTypeFromTheServersOfTheParent(t *testing.T) {
	for _, mode := range []resolver.Minimise{resolver.MinimiseRelaxed, resolver.MinimiseStrict} {
		for _, hide := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				in := newWorld(t, lab.Internet(time.Now()), func(c *resolver.Config) {
					c.Minimise, c.HideType, c.AggressiveNSEC = mode, hide, false
				})
				heard := func(name string, typ wire.Type) []string {
					var asked []string
					for _, line := range strings.Split(in.transcript(), "\n") {
						if f := strings.Fields(line); len(f) == 3 && f[1] == name &&
							f[2] != "DNSKEY" && f[2] != "DS" {
							asked = append(asked, f[2])
						}
					}
					return asked
				}
				type question struct {
					name          string
					typ           wire.Type
					rcode         wire.RCode
					plain, hidden string
				}
				for _, q := range []question{
					{"secure.example.", wire.TypeMX, noError, "MX MX", "A MX"},
					{"www.secure.example.", wire.TypeAAAA, noError, "AAAA", "A AAAA"},
					{"www.secure.example.", wire.TypeA, noError, "A", "A"},
					{"alias.secure.example.", wire.TypeAAAA, noError, "AAAA", "A AAAA"},
					{"none.secure.example.", wire.TypeMX, nxDomain, "MX", "A"}, // proven
					{"www.unsigned.example.", wire.TypeA, noError, "A", "A"},
					{"none.unsigned.example.", wire.TypeMX, nxDomain, "MX", "A MX"},
				} {
					in.transcript()
					a := in.resolve(q.name, q.typ)
					want := map[bool]string{false: q.plain, true: q.hidden}[hide]
					got := strings.Join(heard(q.name, q.typ), " ")
					if a.RCode != q.rcode || got != want {
						t.Errorf("mode %d, hide %v, %s %s: %s (%v), asked for %s, want %s", mode,
							hide, q.name, q.typ, a.RCode, a.Failure, got, want)
					}
				}
			})
		}
	}
}

// Section 2.3: minimisation begins at the deepest zone cut that is known. No server is asked for a
// cut that is in the cache, at whatever level, whether the next name is below it or at it.
func TestRFC9156CachedCutsAreNotMinimisedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		for _, zone := range []string{"example.", "a.example.", "b.a.example.", "c.b.a.example."} {
			w.Add(lab.Zone{Name: zone, Records: "* A 192.0.2.1"})
		}
		in := newWorld(t, w, func(c *resolver.Config) { c.AggressiveNSEC = false })
		in.resolve("n0.c.b.a.example.", wire.TypeA)
		in.transcript()
		for i, name := range []string{"n1.c.b.a.example.", "n2.c.b.a.example.", "n1.b.a.example.",
			"n1.a.example.", "n1.example.", "c.b.a.example."} {
			in.resolve(name, wire.TypeMX)
			if sent := in.transcript(); strings.Count(sent, "\n") != 1 ||
				!strings.Contains(sent, " "+name+" MX") {
				t.Errorf("%d: for %s was sent\n%s", i, name, sent)
			}
		}
	})
}

// shortenedWorld has names below an empty non-terminal, below data, below an alias
// (PowerDNS/pdns issue 8699), and below a name that its server denies though there are names below
// it (spamhaus/rbldnsd issue 17).
func shortenedWorld(t *testing.T, algorithm uint8) *internet {
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example.", Algorithm: algorithm, Minimum: 60, Records: "*.b.ent A " +
		"192.0.2.1;;data A 192.0.2.1;;*.data A 192.0.2.1;;alias CNAME data"})
	w.Add(lab.Zone{Name: "denies.", Algorithm: lab.Unsigned, Records: "*.ent A 192.0.2.1"})
	server := w.AddressOf("denies.")
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		m := in.Honest()
		if in.Server != server || strings.ToLower(in.Question().Name) != "ent.denies." {
			return lab.Reply{}, false
		}
		m.Rcode = dns.RcodeNameError // RFC 8020, section 3.1
		return lab.Messages(m), true
	}
	return newWorld(t, w, func(c *resolver.Config) { c.AggressiveNSEC = false })
}

// The answer to a question with a shortened name is used for further names, for as long as it may
// be kept: each name is then one question. With random names below one, resolvers that ask for the
// shortened one each time send twice as many packets, or eight times for names of IPv6 addresses.
// Unsigned data may be of the apex of a zone below, and are asked for each time.
func TestRFC9156ShortenedNamesAreAskedForOnce(t *testing.T) {
	for _, algorithm := range []uint8{0, lab.Unsigned} {
		for _, above := range []string{"b.ent.example.", "data.example.", "alias.example.",
			"ent.denies."} {
			synctest.Test(t, func(t *testing.T) {
				in := shortenedWorld(t, algorithm)
				first := in.resolve("n0."+above, wire.TypeAAAA)
				in.transcript()
				for i := range 20 {
					a := in.resolve(fmt.Sprintf("n%d.%s", i+1, above), wire.TypeAAAA)
					if a.RCode != first.RCode || a.Status != first.Status {
						t.Errorf("%s: got %s, %s, first %s", above, a.RCode, a.Status, first.RCode)
					}
				}
				want := 20
				if algorithm == lab.Unsigned && above == "data.example." {
					want = 40
				}
				if n := strings.Count(in.transcript(), "\n"); n != want {
					t.Errorf("%s: 20 names, %d questions, want %d", above, n, want)
				}
				time.Sleep(301 * time.Second)
				in.resolve("n99."+above, wire.TypeAAAA)
				if asked := in.transcript(); !strings.Contains(asked, " "+above+" A") {
					t.Errorf("%s: never asked for again\n%s", above, asked)
				}
			})
		}
	}
}

// Nobody is answered from a denial of a shortened name: not who asks for that name and wants it
// validated, and not who checks for himself, as the proof is not kept. Data of a shortened name are
// validated before they answer anybody who does not check for himself.
func TestRFC9156DenialOfAShortenedNameIsForNoClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := shortenedWorld(t, 0)
		in.resolve("n0.x.data.example.", wire.TypeAAAA)
		if a := in.ask("x.data.example.", wire.TypeA,
			resolver.Options{CheckingDisabled: true}); len(a.Sets) != 1 || len(a.Authority) == 0 {
			t.Errorf("a wildcard's data without the proof of it: %v, %v", a.Sets, a.Authority)
		}
		in.resolve("n0.data.example.", wire.TypeAAAA)
		if a := in.resolve("data.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("got data that are %s", a.Status)
		}
		for _, cd := range []bool{true, false} {
			in.resolve("n0.b.ent.example.", wire.TypeAAAA)
			for _, name := range []string{"b.ent.example.", "ent.example."} {
				a := in.ask(name, wire.TypeA, resolver.Options{CheckingDisabled: cd})
				want := map[bool]wire.Security{true: wire.Unchecked, false: wire.Secure}[cd]
				has := func(t wire.Type) bool { return wire.FindType(a.Authority, t) != nil }
				if a.RCode != noError || a.Status != want || !has(wire.TypeNSEC) ||
					!has(wire.TypeSOA) {
					t.Errorf("%s, CD=%v: %s, %s, %v", name, cd, a.RCode, a.Status, a.Authority)
				}
			}
		}
	})
}

// Data and denials of the apex of a zone below are no reason to tell its parent more of a name: the
// delegation has ended, and they have not.
func TestRFC9156ApexOfAZoneBelowIsNotPassed(t *testing.T) {
	for _, algorithm := range []uint8{0, lab.Unsigned} {
		for _, records := range []string{"@ 3600 A 192.0.2.1;;www AAAA 2001:db8::1",
			"www AAAA 2001:db8::1"} {
			synctest.Test(t, func(t *testing.T) {
				w := lab.New(time.Now())
				w.Add(lab.Zone{Name: "example."})
				w.Add(lab.Zone{Name: "child.example.", Algorithm: algorithm, Minimum: 3600,
					Records: records})
				in := newWorld(t, w, func(c *resolver.Config) { c.AggressiveNSEC = false })
				in.resolve("child.example.", wire.TypeA)
				time.Sleep(301 * time.Second)
				in.transcript()
				if a := in.resolve("www.child.example.", wire.TypeAAAA); a.RCode != noError {
					t.Fatalf("%s, %v", a.RCode, a.Failure)
				}
				parent := w.AddressOf("example.").String()
				for line := range strings.Lines(in.transcript()) {
					if strings.Contains(line, parent) && strings.Contains(line, "www.") {
						t.Errorf("the parent is asked %s", line)
					}
				}
			})
		}
	}
}

// A zone that begins at or below a shortened name, while that is in the cache as a name of its
// parent, is found at once.
func TestRFC9156NewZoneBelowAShortenedName(t *testing.T) {
	for _, zone := range []string{"b.ent.example.", "z.b.ent.example."} {
		synctest.Test(t, func(t *testing.T) {
			in := shortenedWorld(t, 0)
			in.resolve("n0.b.ent.example.", wire.TypeAAAA)
			in.world.Move(lab.Zone{Name: zone, Algorithm: lab.Unsigned, Records: "* A 192.0.2.7"})
			a := in.resolve("www."+zone, wire.TypeA)
			if a.RCode != noError || len(a.Sets) != 1 ||
				!strings.HasSuffix(string(a.Sets[0].Data.First()), "\x07") {
				t.Errorf("%s: %s, %v, %v", zone, a.RCode, a.Sets, a.Failure)
			}
		})
	}
}

// The names of IPv6 addresses are shortened to what zones begin at, and a cut between two of these
// is found all the same.
func TestRFC9156NamesOfIPv6AddressesAreShortenedToNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "arpa."})
		w.Add(lab.Zone{Name: "ip6.arpa."})
		w.Add(lab.Zone{Name: "0.0.a.2.ip6.arpa."})
		w.Add(lab.Zone{Name: "4.3.2.1.0.0.a.2.ip6.arpa."})
		const network = "1.0.0.0.0.0.0.0.4.3.2.1.0.0.a.2.ip6.arpa."
		w.Add(lab.Zone{Name: "0.4.3.2.1.0.0.a.2.ip6.arpa.", // 36 bits
			Records: "*." + network + " PTR host.example."})
		in := newWorld(t, w, func(c *resolver.Config) { c.AggressiveNSEC = false })
		ask := func(host string) string {
			name := strings.Join(strings.Split(host, ""), ".") + "." + network
			if a := in.resolve(name, wire.TypePTR); a.RCode != noError || a.Status != wire.Secure {
				t.Errorf("%s: %s, %s, %v", name, a.RCode, a.Status, a.Failure)
			}
			return in.transcript()
		}
		var shortened []int
		for line := range strings.Lines(ask("0123456789abcdef")) {
			if f := strings.Fields(line); f[2] == "A" && strings.HasSuffix(f[1], "a.2.ip6.arpa.") {
				shortened = append(shortened, strings.Count(f[1], ".")-2)
			}
		}
		// For 12 labels the servers of 8 refer to those of 9, which are asked for them, too.
		if want := []int{4, 8, 12, 12, 14, 16}; !slices.Equal(shortened, want) {
			t.Errorf("asked for names of %v labels, want %v", shortened, want)
		}
		if asked := ask("fedcba9876543210"); strings.Count(asked, "\n") != 1 {
			t.Errorf("for another host was asked\n%s", asked)
		}
	})
}

// QNAME minimisation: what the servers on the way learn.

package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// Remedies: who has to act on a cause, and the command that shows it.

package cause

import "cmp"

// Actor is who has to act on a cause.
type Actor uint8

// The actors. The first is none: then the kind of the cause decides.
const (
	actorOfKind Actor = iota
	Zone              // who runs the zone, its signer or its servers
	Parent            // who runs the zone above, for a delegation that is wrong
	Registrar         // who runs the zone, by way of its registrar: a DS at the parent
	Network           // who runs the path to the servers
	Resolver          // who runs this resolver
	Client            // who runs the client
	Nobody            // nothing is wrong
)

func (a Actor) String() string {
	return [...]string{"", "zone", "parent", "registrar", "network", "this resolver", "client",
		"nobody"}[a]
}

// remedies are who has to act on the causes of a kind, and the command that shows them.
var remedies = [...]struct {
	by    Actor
	shows string
}{
	KindDNSSEC:   {Zone, "bailiwick explain NAME TYPE"},
	KindInsecure: {Resolver, "bailiwick explain NAME TYPE"},
	KindNetwork:  {Zone, "bailiwick explain NAME TYPE"},
	KindLimit:    {Resolver, "bailiwick explain NAME TYPE"},
	KindPolicy:   {Resolver, "bailiwick ctl policy test NAME TYPE CLIENT"},
	KindRequest:  {Client, "bailiwick ctl stats bailiwick_transport_faults"},
	KindInternal: {Resolver, "bailiwick ctl stats bailiwick_panics"},
}

// By returns who has to act.
func (c Cause) By() Actor { return cmp.Or(table[c].by, remedies[table[c].kind].by) }

// Shows returns the command that shows the cause, for the words in capitals what it is about.
func (c Cause) Shows() string { return cmp.Or(table[c].shows, remedies[table[c].kind].shows) }

// Parse returns the cause with a label; false if there is none.
func Parse(label string) (Cause, bool) {
	for _, c := range All() {
		if c.Label() == label {
			return c, true
		}
	}
	return None, false
}

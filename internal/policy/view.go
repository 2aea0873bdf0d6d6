package policy

import (
	"bailiwick/internal/rpz"
	"bailiwick/wire"
)

// View is the policy for some of the clients. It is immutable: a change of policy makes a new View.
type View struct {
	// Class identifies the policy: clients share prepared answers if their views have the same
	// class.
	Class uint16
	// Generation counts the changes of the class's policy. An answer that was prepared under an
	// older one is checked again before it is served.
	Generation uint32
	// Local answers questions by this server; it returns nil for all others. It may be nil.
	Local func(wire.Question) *Local
	// Zones are the response policy zones in force; nil if there are none.
	Zones *rpz.Set
	// Private are addresses that other people's names may not have.
	Private PrivateAddresses
	// DNS64 makes IPv6 addresses for names that have none; nil: it is off.
	DNS64 *DNS64
	// NoNetworks reports whether nothing of its clients' networks is sent (RFC 7871), whatever the
	// resolver sends of others.
	NoNetworks bool
	// Special is what is answered of special names; nil: what the listener's configuration says.
	Special *SpecialNames
	// Realm is the place of the view's own way of resolving among those of the resolver, from 1 on;
	// 0: that of all clients.
	Realm int
	// Rates are the limits of its clients; nil: there are none.
	Rates *Rates
	// Name is what the operator calls it, "" for the policy of all other clients.
	Name string
	// Log is the place of its own query log among those of the listener's rules, from 1 on; 0: its
	// queries are logged as those of all others.
	Log int
	// Queries counts the queries of its clients. It may be nil.
	Queries interface{ Add(n uint64) }
}

// SpecialNames is which special names are answered here.
type SpecialNames struct {
	Answered bool
	Server   wire.Name // MNAME of their zones; zero: each zone itself
	Ordinary []wire.Name
}

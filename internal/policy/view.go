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
	// Rates are the limits of its clients; nil: there are none.
	Rates *Rates
}

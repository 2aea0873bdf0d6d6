package policy

import "bailiwick/wire"

// View is the policy that holds for some of the clients. It is immutable: where the policy changes
// another View takes its place.
type View struct {
	// Class is which answers these clients share with others: views of the same policy have the
	// same one.
	Class uint16
	// Generation counts the changes of the class's policy. What was prepared under an older one is
	// judged again before it is served.
	Generation uint32
	// Local answers questions here; it returns nil for all others. It may be nil.
	Local func(wire.Question) *Local
	// Private are addresses that names of others may not have.
	Private PrivateAddresses
}

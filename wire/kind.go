package wire

// Kind is what a response says to its question, or what is known of a question: the one enumeration
// of the resolver, the validator and the events.
type Kind uint8

// The kinds.
const (
	KindNone     Kind = iota // nothing of use
	KindAnswer               // data of the type asked for
	KindAlias                // a CNAME, or a DNAME and the CNAME made from it
	KindNoData               // the name has no such type
	KindNXDomain             // the name does not exist
	KindReferral             // other servers know
)

// IsDenial reports whether the name, or its type, is denied.
func (k Kind) IsDenial() bool { return k == KindNoData || k == KindNXDomain }

func (k Kind) String() string {
	return [...]string{"nothing of use", "answer", "alias", "no such type", "no such name",
		"referral"}[k]
}

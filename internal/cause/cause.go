// Package cause is the one table of everything that can go wrong with a query. Metrics, Extended
// DNS Errors (RFC 8914) and logs all come from its rows, so that an operator and a client get the
// same reason in the same words.
//
// A [Failure] is made where the cause is known and is returned as an error; callers do not replace
// it by a less precise one.
package cause

import (
	"cmp"
	"slices"
)

// Kind is a group of causes, by who can correct them.
type Kind uint8

// The kinds.
const (
	KindDNSSEC   Kind = iota // the zone's signatures or our trust in them
	KindInsecure             // why an answer is served without proof
	KindNetwork              // servers and paths
	KindLimit                // a limit was met
	KindPolicy               // the configuration
	KindRequest              // the client's message
	KindInternal             // a fault of this program
)

func (k Kind) String() string {
	return [...]string{"dnssec", "insecure", "network", "limit", "policy", "request", "internal"}[k]
}

// Cause is a row of the table.
type Cause uint8

// The causes, by kind. A number is in records that outlive the process, so it never changes once
// released: a new cause takes the next free one, whatever its kind.
const (
	None Cause = 0

	// DNSSEC.
	SignatureExpired     Cause = 1
	SignatureNotYetValid Cause = 2
	SignatureMissing     Cause = 3
	SignatureInvalid     Cause = 4
	SignerMismatch       Cause = 5
	SignatureLabels      Cause = 6
	KeyMissing           Cause = 7
	KeyNotFound          Cause = 8
	KeyNotZone           Cause = 9
	KeyRevoked           Cause = 10
	KeyUnusable          Cause = 11
	KeyRefused           Cause = 12
	KeyTagCollision      Cause = 13
	DSMismatch           Cause = 14
	DenialMissing        Cause = 15
	DenialInvalid        Cause = 16
	WildcardProofMissing Cause = 17
	AliasMismatch        Cause = 18
	AnchorMismatch       Cause = 19
	RecordMalformed      Cause = 20
	AlgorithmMissing     Cause = 91
	SplitHorizon         Cause = 94
	ClockAhead           Cause = 103
	ClockBehind          Cause = 104
	SignatureReversed    Cause = 106
	KeySignatureMissing  Cause = 118

	// Reasons of insecurity.
	AlgorithmUnsupported Cause = 21
	DigestUnsupported    Cause = 22
	KeysRefused          Cause = 23
	NSEC3Iterations      Cause = 24
	NegativeAnchor       Cause = 25
	ValidationOff        Cause = 95
	Permissive           Cause = 96
	TimeServer           Cause = 105

	// Network.
	Timeout          Cause = 26
	Unreachable      Cause = 27
	ServerRefused    Cause = 28
	ServerFailed     Cause = 29
	ServerFormErr    Cause = 30
	ServerNotImp     Cause = 31
	ServerUnexpected Cause = 32
	Lame             Cause = 33
	Malformed        Cause = 34
	Truncated        Cause = 35
	Spoofed          Cause = 36
	ServerIdentity   Cause = 37
	NoServers        Cause = 38
	PrivateServers   Cause = 39
	NoAddress        Cause = 40
	DependencyLoop   Cause = 41
	UplinkDown       Cause = 42
	NotHeld          Cause = 102

	// Limits.
	LimitQueries         Cause = 43
	LimitTime            Cause = 44
	LimitAliases         Cause = 45
	LimitReferrals       Cause = 46
	LimitNameServers     Cause = 47
	LimitSignatures      Cause = 48
	LimitDigests         Cause = 49
	LimitNSEC3           Cause = 50
	LimitDepth           Cause = 51
	AliasLoop            Cause = 52
	AliasTooLong         Cause = 53
	Overload             Cause = 54
	LimitClient          Cause = 55
	LimitPulse           Cause = 56
	LocalResources       Cause = 57
	ConnectionDisplaced  Cause = 58
	ConnectionsPerClient Cause = 59
	Descriptors          Cause = 60
	HeldOctets           Cause = 61
	SlowReader           Cause = 62
	SlowWriter           Cause = 63
	HandshakeTime        Cause = 64
	StreamFlood          Cause = 65
	LimitZone            Cause = 92
	LimitServer          Cause = 93

	// Policy.
	ClientRefused  Cause = 66
	ClientDropped  Cause = 67
	QueryRefused   Cause = 68
	NotRecursive   Cause = 69
	Sentinel       Cause = 70
	Stopping       Cause = 71
	PrivateAddress Cause = 89
	StaleAnswer    Cause = 97
	StaleNXDomain  Cause = 98
	CachedError    Cause = 100
	Synthesised    Cause = 101
	// Of local data and lists of blocked names.
	Blocked         Cause = 107
	BlockedSilently Cause = 108
	Forged          Cause = 109
	Censored        Cause = 110
	Filtered        Cause = 111
	// Of who asks whether clients are to be sent here.
	NotReady Cause = 116
	// Of the rates of clients.
	RateQueries   Cause = 112
	RateResponses Cause = 113

	// The client's message.
	RequestMalformed Cause = 72
	RequestVersion   Cause = 73
	RequestOpcode    Cause = 74
	RequestCookie    Cause = 75
	RequestTooEarly  Cause = 76
	FrameMalformed   Cause = 77
	Handshake        Cause = 78
	ProxyHeader      Cause = 79
	HTTPMalformed    Cause = 80
	HTTPPath         Cause = 81
	HTTPMethod       Cause = 82
	HTTPMediaType    Cause = 83
	HTTPQuery        Cause = 84
	HTTPTooLarge     Cause = 85
	HTTPForwarded    Cause = 86
	QUICProtocol     Cause = 87
	ClientGone       Cause = 90
	RequestType      Cause = 99
	RequestSubnet    Cause = 114
	RequestSignature Cause = 115
	NoCertificate    Cause = 117

	// This program.
	InternalError Cause = 88

	count = 119
)

// All returns every cause but None, those of a kind together.
func All() (cs []Cause) {
	for c := None + 1; c < count; c++ {
		cs = append(cs, c)
	}
	slices.SortStableFunc(cs, func(a, b Cause) int { return cmp.Compare(a.Kind(), b.Kind()) })
	return cs
}

// Known reports whether c is the number of a cause.
func (c Cause) Known() bool { return c < count }

// Label returns the metric label and log value.
func (c Cause) Label() string { return table[c].label }

// String returns the label.
func (c Cause) String() string { return table[c].label }

// Kind returns the group of the cause.
func (c Cause) Kind() Kind { return table[c].kind }

// EDE returns the info code of the Extended DNS Error; false if the cause has none.
func (c Cause) EDE() (uint16, bool) { return uint16(table[c].ede), table[c].ede != edeNone }

// Bogus returns the info code DNSSEC Bogus for causes whose own code is NSEC Missing: clients get
// both, the result of validation and its reason (RFC 8914, sections 4.7 and 4.13). Unbound sends
// the former only, Knot and PowerDNS the latter.
func (c Cause) Bogus() (uint16, bool) {
	return edeBogus, table[c].ede == edeNSECMissing && table[c].kind == KindDNSSEC
}

// Fails reports whether a query can end in SERVFAIL for the cause. The others are reasons to
// refuse a query, to close a connection, or to serve an answer unvalidated.
func (c Cause) Fails() bool {
	switch _, hasEDE := c.EDE(); table[c].kind {
	case KindDNSSEC, KindNetwork, KindInternal:
		return true
	case KindLimit:
		return hasEDE
	}
	return c == Sentinel || c == Stopping || c == NotReady
}

// Judged reports whether the validation of a response can end with the cause: the data are bogus,
// or insecure for a reason that clients are told.
func (c Cause) Judged() bool {
	switch c {
	case LimitSignatures, LimitDigests, LimitNSEC3, LimitDepth, AlgorithmUnsupported,
		DigestUnsupported, KeysRefused, NSEC3Iterations, NegativeAnchor, ValidationOff:
		return true
	}
	return table[c].kind == KindDNSSEC
}

// Rank returns how precise the cause is, compared with others for which further servers or
// signatures of the same question failed: the client gets the highest. 0 means that the cause is
// not one of these.
func (c Cause) Rank() int { return table[c].rank }

// HTTPStatus returns the status of the response to an HTTP request that has no valid query for this
// cause; 0 if the cause does not concern HTTP.
func (c Cause) HTTPStatus() int { return table[c].status }

// Upstream reports whether an exchange with a server can end with the cause. None can, too.
func (c Cause) Upstream() bool { return table[c].upstream }

// Text returns an explanation of one line.
func (c Cause) Text() string { return table[c].text }

// Hint returns what to do about it.
func (c Cause) Hint() string { return table[c].hint }

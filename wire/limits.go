package wire

// Limits of the protocol and of what this package is ready to read.
const (
	MaxNameLen    = 255   // octets of a name in wire form, per name (RFC 1035, section 3.1)
	MaxLabelLen   = 63    // octets of a label (RFC 1035, section 3.1)
	MaxLabels     = 127   // labels of a name without the root; follows from MaxNameLen
	MaxMessageLen = 65535 // octets of a message (RFC 1035, section 4.2.2)
	HeaderLen     = 12    // octets of a header (RFC 1035, section 4.1.1)

	// MaxEDNSOptions is how many options of one OPT record are looked at, per message; a message with more is malformed
	// (CVE-2026-41292: parsing cost grew with the list).
	MaxEDNSOptions = 32

	// maxDedupe is up to which size, in octets, a set is searched for equal records while it is parsed: beyond it the search
	// itself would be the attack, and such sets are not kept anyway.
	maxDedupe = 4096

	// maxAdopt is up to how many sets, per message, signatures are looked for in other sections than their set's.
	maxAdopt = 200

	// MinUDPSize is what every DNS client takes over UDP without EDNS (RFC 1035, section 2.3.4).
	MinUDPSize = 512
)
